"""Kinds that only tests need. A worker imports this module by `--include`, nothing else does."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

import msgspec
from celery.exceptions import SoftTimeLimitExceeded

from jobs.kinds import Kind, Subject, Work, record


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Numbers(msgspec.Struct, forbid_unknown_fields=True):
    numbers: list[float]


class Effect(msgspec.Struct, forbid_unknown_fields=True):
    folder: str
    seconds: float = 0.0


class Words(msgspec.Struct, forbid_unknown_fields=True):
    words: str


class Refused(Exception):
    pass


def add(work: Work, params: Numbers) -> object:
    return {"sum": sum(params.numbers), "attempt": work.attempt}


def write_once(work: Work, params: Effect) -> object:
    """One effect a job, in a file to which nothing but lines are added: a second one would show.

    What an attempt before has done is found and left alone, as the product's own kinds do it.
    """
    path = Path(params.folder) / str(work.job_id)
    add_line(path, f"run {work.attempt}")
    Event().wait(params.seconds)
    if "effect" not in path.read_text().splitlines():
        add_line(path, "effect")
    return {"pid": os.getpid()}


def add_line(path: Path, text: str) -> None:
    with path.open("a") as lines:
        lines.write(f"{text}\n")


def step(work: Work, params: Effect) -> object:
    """A thousand steps, each reported; the file says how often the first was made."""
    for done in range(1000):
        work.progress(done, 1000, "stepping")
        if done == 0:
            add_line(Path(params.folder) / str(work.job_id), f"run {work.attempt}")
        Event().wait(params.seconds)
    return None


def spin(work: Work, params: Nothing) -> object:
    """Never looks at anything, for ever."""
    while True:
        time.monotonic()


def spin_on(work: Work, params: Nothing) -> object:
    """Does not even end at its time limit."""
    while True:
        with suppress(SoftTimeLimitExceeded):
            spin(work, params)


def reach_the_limit(work: Work, params: Nothing) -> object:
    os.kill(os.getpid(), signal.SIGUSR1)
    return spin(work, params)


def be_lost_once(work: Work, params: Nothing) -> object:
    if work.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"attempt": work.attempt}


def kill_the_process(work: Work, params: Nothing) -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def refuse(work: Work, params: Words) -> object:
    work.log("about to refuse", "warning")
    raise Refused(params.words)


def stumble(work: Work, params: Words) -> object:
    raise KeyError(params.words)


KINDS = (
    Kind(
        name="add_task",
        title="Add",
        params=Numbers,
        handler=add,
        subject=lambda params, _owner: Subject(f"{len(params.numbers)} numbers", "admin:index", ""),
        direct=lambda numbers: {"numbers": numbers},
        direct_result=lambda result: {"sum": result["sum"], "status": "completed"},
    ),
    Kind(name="file_task", title="File", params=Effect, handler=write_once, max_attempts=30),
    Kind(name="step_task", title="Step", params=Effect, handler=step),
    Kind(name="spin_task", title="Spin", params=Nothing, handler=spin, time_limit_s=1),
    Kind(
        name="stubborn_task",
        title="Spin on",
        params=Nothing,
        handler=spin_on,
        time_limit_s=1,
        direct=dict,
    ),
    Kind(name="limit_task", title="Limit", params=Nothing, handler=reach_the_limit),
    Kind(name="lost_task", title="Lose", params=Nothing, handler=be_lost_once, direct=dict),
    Kind(name="poison_task", title="Poison", params=Nothing, handler=kill_the_process),
    Kind(name="refuse_task", title="Refuse", params=Words, handler=refuse, shown=(Refused,)),
    Kind(
        name="stumble_task",
        title="Stumble",
        params=Words,
        handler=stumble,
        direct=lambda words: {"words": words},
    ),
)
for kind in KINDS:
    record(kind)
