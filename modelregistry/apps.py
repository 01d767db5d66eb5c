from importlib import import_module

from django.apps import AppConfig


class ModelRegistryConfig(AppConfig):
    name = "modelregistry"
    verbose_name = "Model registry"

    def ready(self) -> None:
        """Its kinds of jobs are recorded by their being imported."""
        import_module("modelregistry.tasks.checking")  # and the other kinds with it
