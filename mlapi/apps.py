from importlib import import_module

from django.apps import AppConfig
from django_celery_results.apps import CeleryResultConfig


class MlapiConfig(AppConfig):
    name = "mlapi"
    verbose_name = "API access"
    default = True

    def ready(self) -> None:
        """drf-spectacular finds the description of API keys by its being imported, and the admin
        its pages of the audit trail, in place of the library's own.
        """
        import_module("mlapi.openapi")
        import_module("mlapi.audit_admin")


class RawResultsConfig(CeleryResultConfig):
    """Celery's own table of results, named as what it is to staff."""

    verbose_name = "Raw results"  # type: ignore[assignment]  # its own is a lazy translation
    default = False
