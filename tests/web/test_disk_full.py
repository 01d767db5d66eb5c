"""A disk without room is told by its own status, whatever the database calls it."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from django.db import OperationalError
from psycopg.errors import AdminShutdown, DiskFull

from mlapi.problems import problem_of


def test_sqlites_own_words_are_understood(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "small.sqlite3")
    database.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as raised:
        database.execute("CREATE TABLE kept AS SELECT randomblob(100000)")
    database.close()
    assert problem_of(OperationalError(str(raised.value)), "id").status == 507


@pytest.mark.parametrize(("cause", "status"), [(DiskFull, 507), (AdminShutdown, 503)])
def test_postgresqls_codes_are_understood(cause: type[Exception], status: int) -> None:
    error = OperationalError("server said something")
    error.__cause__ = cause()
    assert problem_of(error, "id").status == status


@pytest.mark.parametrize(
    ("number", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EIO, 500)]
)
def test_files_say_it_by_number(number: int, status: int) -> None:
    assert problem_of(OSError(number, os.strerror(number)), "id").status == status
