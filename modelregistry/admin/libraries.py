"""Which libraries made a version, and a plain word where others run here."""

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from modelregistry.admin.reading import badge
from modelregistry.ingestion.libraries import library_differences
from modelregistry.models import ModelVersion


def libraries_badge(version: ModelVersion) -> SafeString | str:
    """Shown where a library differs by more than its patch number; else nothing is said."""
    if all(difference.calm for difference in library_differences(version)):
        return ""
    return badge("other libraries", "warning")


class LibrariesShown:
    """Mixed into the versions' admin."""

    @admin.display(description="Libraries")
    def libraries(self, version: ModelVersion) -> SafeString:
        made_with = ", ".join(f"{name} {made}" for name, made in version.library_versions.items())
        facts = {"made_with": made_with, "differences": library_differences(version)}
        return render_to_string("admin/modelregistry/libraries.html", facts)
