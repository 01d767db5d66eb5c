"""The files of a version on its page: their size and digest, and where they are given out."""

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from modelregistry.models import ModelVersion
from modelregistry.services.handing_out import ONNX, SOURCE


class FilesShown:
    """Mixed into the versions' admin. Who may see a version's page may have what is in it."""

    @admin.display(description="Source")
    def source(self, version: ModelVersion) -> SafeString:
        return _file(version, SOURCE, version.source_sha256, version.source_size)

    @admin.display(description="ONNX")
    def onnx(self, version: ModelVersion) -> SafeString | str:
        if version.onnx_size is None:
            return "none"
        return _file(version, ONNX, version.onnx_sha256, version.onnx_size)


def _file(version: ModelVersion, form: str, sha256: str, size: int) -> SafeString:
    facts = format_html(
        '{}, sha256 <code class="break-all">{}</code>', filesizeformat(size), sha256
    )
    if version.state != ModelVersion.State.READY:  # then it is given to nobody
        return facts
    address = reverse("version-download", args=(version.model.name, version.number))
    link = '{}. <a class="font-semibold underline" href="{}?format={}" download>Download</a>'
    return format_html(link, facts, address, form)
