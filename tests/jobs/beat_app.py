"""The Celery app with the kinds of tests known to it: beat has no --include."""

import tests.jobs.kinds_for_tests  # noqa: F401
from mlapi.celery import app

__all__ = ["app"]
