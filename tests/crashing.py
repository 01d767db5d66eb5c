"""The N-th call of a class of calls fails, or is the last thing that its process does.

Only calls of the thread that has made the fault count, so that N means the same in every run.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from django.db import connection

from jobs import publishing

FILE_CALLS = [
    *((os, name) for name in ("open", "close", "fsync", "mkdir", "unlink", "rmdir")),
    *((Path, name) for name in ("mkdir", "replace", "unlink", "is_dir", "lstat")),
    (tempfile, "mkstemp"),
    (tempfile, "mkdtemp"),
    (shutil, "rmtree"),
]
OPENING_CALLS = [(Path, "open"), (os, "fdopen")]


class Killed(BaseException):
    """What a killed process would have done next is not done: nobody has a right to catch this."""


class Nth:
    """Counts; the N-th call meets with `fault`, and after a kill every later one does too."""

    def __init__(self, number: int, fault: Callable[[], BaseException] = Killed) -> None:
        self.number, self.calls = number, 0
        self._fault, self._thread = fault, get_ident()

    @property
    def came(self) -> bool:
        return self.calls >= self.number

    def meet(self) -> None:
        """Called in the place of every call."""
        if get_ident() != self._thread:
            return
        self.calls += 1
        if self.calls == self.number or (self.came and self._fault is Killed):
            raise self._fault()

    def standing_before(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.meet()
            return call(*args, **kwargs)

        return counted


@contextmanager
def in_database(nth: Nth) -> Iterator[None]:
    """Every query, every savepoint, and every commit before it is made."""

    def stand(execute: Callable[..., Any], *query: Any) -> Any:
        nth.meet()
        return execute(*query)

    real = connection.commit

    def commit() -> None:
        try:
            nth.meet()
        except Killed:
            connection.rollback()  # as the database does when its client is gone
            raise
        real()

    with pytest.MonkeyPatch.context() as patch, connection.execute_wrapper(stand):
        patch.setattr(connection, "commit", commit)
        yield


@contextmanager
def in_unheard_commits(nth: Nth) -> Iterator[None]:
    """Every commit after it was made: the connection goes before it is answered."""
    commit = connection.commit

    def unheard() -> None:
        commit()
        nth.meet()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "commit", unheard)
        yield


@contextmanager
def in_files(nth: Nth) -> Iterator[None]:
    """Every call that makes, opens, writes, moves or removes a file or a folder."""

    def writing(call: Callable[..., Any]) -> Callable[..., Any]:
        def opened(*args: Any, **kwargs: Any) -> Any:
            file = call(*args, **kwargs)
            return Written(file, nth) if file.writable() else file

        return nth.standing_before(opened)

    with pytest.MonkeyPatch.context() as patch:
        for place, name in FILE_CALLS:
            patch.setattr(place, name, nth.standing_before(getattr(place, name)))
        for place, name in OPENING_CALLS:
            patch.setattr(place, name, writing(getattr(place, name)))
        yield


class Written:
    """A file each write to which may be the call in question."""

    def __init__(self, file: Any, nth: Nth) -> None:
        self._file, self._nth = file, nth

    def write(self, data: bytes) -> int:
        self._nth.meet()
        return int(self._file.write(data))

    def __enter__(self) -> "Written":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Broker:
    """Stands where messages go out: which went, and which were lost on the way."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    @contextmanager
    def answering(self) -> Iterator[None]:
        """All messages arrive."""

        def send(job: Any) -> None:
            self.sent.append(str(job.pk))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(publishing, "_send", send)
            patch.setattr(publishing.breaker, "_open_until", 0.0)
            patch.setattr(publishing.breaker, "_pause_s", 0.0)
            yield

    @staticmethod
    @contextmanager
    def standing(nth: Nth) -> Iterator[None]:
        """Every message before it is sent."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(publishing, "_send", nth.standing_before(publishing._send))
            yield
