"""Kinds that only tests need. A worker imports this module by `--include`, nothing else does."""

import os
import signal
import time
from pathlib import Path
from threading import Event

import msgspec

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


def leave_a_file(work: Work, params: Effect) -> object:
    """One effect a job: a file that exists already is only right after a lost worker."""
    Event().wait(params.seconds)
    path = Path(params.folder) / str(work.job_id)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        if work.attempt == 1:
            raise
    return {"pid": os.getpid()}


def step(work: Work, params: Effect) -> object:
    """A thousand steps, each reported; the file says that the first was made."""
    for done in range(1000):
        work.progress(done, 1000, "stepping")
        if done == 0:
            (Path(params.folder) / str(work.job_id)).touch()
        Event().wait(params.seconds)
    return None


def spin(work: Work, params: Nothing) -> object:
    """Never looks at anything, for ever."""
    while True:
        time.monotonic()


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
        subject=lambda params: Subject(f"{len(params.numbers)} numbers", "admin:index", ""),
        direct=lambda numbers: {"numbers": numbers},
        direct_result=lambda result: {"sum": result["sum"], "status": "completed"},
    ),
    Kind(name="file_task", title="File", params=Effect, handler=leave_a_file, max_attempts=30),
    Kind(name="step_task", title="Step", params=Effect, handler=step),
    Kind(name="spin_task", title="Spin", params=Nothing, handler=spin, time_limit_s=1),
    Kind(name="poison_task", title="Poison", params=Nothing, handler=kill_the_process),
    Kind(name="refuse_task", title="Refuse", params=Words, handler=refuse, shown=(Refused,)),
    Kind(name="stumble_task", title="Stumble", params=Words, handler=stumble),
)
for kind in KINDS:
    record(kind)
