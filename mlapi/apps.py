from importlib import import_module

from django.apps import AppConfig
from django_celery_results.apps import CeleryResultConfig


class MlapiConfig(AppConfig):
    name = "mlapi"
    verbose_name = "API access"
    default = True

    def ready(self) -> None:
        """drf-spectacular finds the description of API keys by its being imported."""
        import_module("mlapi.openapi")


class RawResultsConfig(CeleryResultConfig):
    """Celery's own table of results, named as what it is to staff."""

    verbose_name = "Raw results"  # type: ignore[assignment]  # its own is a lazy translation
    default = False
