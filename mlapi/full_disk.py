"""Whether an error says that a disk is full, in whatever way it says so."""

from django.db import OperationalError

from modelregistry.artifacts import NO_ROOM


def is_disk_full(error: BaseException) -> bool:
    """Files say it by number, SQLite in words, PostgreSQL by SQLSTATE 53100."""
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state == "53100" or "database or disk is full" in str(error)
