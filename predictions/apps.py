from importlib import import_module

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    name = "predictions"
    verbose_name = "Predictions"

    def ready(self) -> None:
        """Its kinds of jobs are recorded by their being imported."""
        import_module("predictions.tasks")
