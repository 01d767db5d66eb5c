"""The composition root: wires the apps below, decides nothing. Exports the Celery app."""

from mlapi.celery import app as celery_app

__all__ = ["celery_app"]
