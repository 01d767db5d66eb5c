"""Celery's result backend: Redis or Valkey, so that a plain producer without Django can read it,
and django-celery-results' row beside it, so that staff can.
"""

import logging
from typing import Any

from celery.backends.redis import RedisBackend
from django.db import Error
from django_celery_results.backends import DatabaseBackend

log = logging.getLogger(__name__)


class RowRedisBackend(RedisBackend):
    """Named in settings as `jobs.results:RowRedisBackend+URL`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rows = DatabaseBackend(self.app)  # type: ignore[attr-defined]  # stubs lack it

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **kwargs: Any,
    ) -> Any:
        stored = super()._store_result(  # type: ignore[misc]  # the stubs lack it
            task_id, result, state, traceback, request, **kwargs
        )
        try:
            # A job's page shows the traceback, to those who may read tracebacks.
            self._rows._store_result(task_id, result, state, None, request=request)
        except Error as error:  # the producer has its answer
            log.warning("no raw result row for %s: %s", task_id, error)
        return stored
