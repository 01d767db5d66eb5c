"""Upload, check, conversion, promotion and rollback are interrupted at every query, commit, file
call and message in turn, until one run passes: what is seen is the old or the new, and who comes
after finishes it.
"""

import errno
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from itertools import count
from typing import Protocol

import pytest
from django.db import OperationalError
from redis import RedisError

from modelregistry.errors import RegistryError
from tests.crashing import Broker, Killed, Nth, in_database, in_files, in_unheard_commits
from tests.modelregistry.crashes.agreement import (
    check_agreement,
    look_after,
    tidy_up,
    work_off,
)
from tests.modelregistry.crashes.operations import OPERATIONS, Operation

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("repeated", "chief"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Standing(Protocol):
    __name__: str

    def __call__(self, nth: Nth) -> AbstractContextManager[None]: ...


DATABASE_GONE = partial(OperationalError, "the connection is lost")
NO_ROOM = partial(OSError, errno.ENOSPC, "No space left on device")
BROKER_GONE = partial(RedisError, "the broker is gone")
UNREADABLE = partial(OSError, errno.EIO, "Input/output error")
# What whoever began it is told: a file that cannot be read is one that may not serve.
FAULTS = (Killed, OperationalError, OSError, RegistryError)
FEWEST_FILE_CALLS = {
    "register": 20,
    "upload": 12,
    "check": 20,
    "convert": 10,
    "promote": 1,
    "rollback": 1,
}  # about half of them: with fewer, some are no longer met
every_operation = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture(autouse=True)
def files_of_the_killed() -> Iterator[None]:
    """A process that is killed closes nothing itself: its files are closed here."""
    yield
    gc.collect()


def before_and_after(operation: Operation) -> tuple[object, object]:
    with Broker().answering():
        operation.prepare("never-interrupted")
        old = operation.seen("never-interrupted")
        operation.act("never-interrupted")
    new = operation.seen("never-interrupted")
    assert old != new
    return old, new


def finish(name: str, operation: Operation, model: str, broker: Broker) -> None:
    """Whoever comes after: dispatch, a worker, or the client who asks again."""
    look_after(broker)
    if name in ("check", "convert"):
        work_off(model)
    else:
        with broker.answering():
            operation.act(model)


def interrupted(name: str, standing: Standing, fault: Callable[[], BaseException]) -> int:
    """At how many points."""
    operation, broker = OPERATIONS[name], Broker()
    old, new = before_and_after(operation)
    for number in count(1):
        model, nth = f"at-{number}", Nth(number, fault)
        with broker.answering(), suppress(*FAULTS):
            operation.prepare(model)
            with standing(nth):
                operation.act(model)
        found = operation.seen(model)
        assert found in (old, new), f"call {number}"
        check_agreement(model)
        finish(name, operation, model, broker)
        assert operation.seen(model) == new, f"after call {number}"
        check_agreement(model)
        if not nth.came:
            assert found == new
            tidy_up()
            print(f"{name}, {standing.__name__}: {number - 1} points")
            return number - 1
    raise AssertionError


@every_operation
@pytest.mark.database
@pytest.mark.parametrize("fault", [Killed, DATABASE_GONE], ids=["killed", "database gone"])
def test_at_every_query_and_commit(name: str, fault: Callable[[], BaseException]) -> None:
    assert interrupted(name, in_database, fault) > 8


@every_operation
@pytest.mark.database
def test_at_every_commit_that_is_made_and_not_answered(name: str) -> None:
    assert interrupted(name, in_unheard_commits, DATABASE_GONE) >= 1


@every_operation
def test_at_every_file_call_by_a_kill(name: str) -> None:
    assert interrupted(name, in_files, Killed) >= FEWEST_FILE_CALLS[name]


@pytest.mark.parametrize("name", ["register", "upload", "convert"])
def test_at_every_file_call_on_a_disk_without_room(name: str) -> None:
    assert interrupted(name, in_files, NO_ROOM) >= FEWEST_FILE_CALLS[name]


@pytest.mark.parametrize("name", ["check", "promote", "rollback"])
def test_at_every_file_call_on_a_disk_that_fails(name: str) -> None:
    assert interrupted(name, in_files, UNREADABLE) >= FEWEST_FILE_CALLS[name]


@pytest.mark.parametrize("fault", [Killed, BROKER_GONE], ids=["killed", "broker gone"])
def test_at_the_message_of_an_upload(fault: Callable[[], BaseException]) -> None:
    assert interrupted("upload", Broker.standing, fault) == 1


@pytest.mark.parametrize("name", ["promote", "rollback"])
def test_what_moves_the_champion_needs_no_message(name: str) -> None:
    assert interrupted(name, Broker.standing, BROKER_GONE) == 0
