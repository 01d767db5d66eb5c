"""The process that opens files of strangers: it gives up what it does not need, then looks.

Run by modelregistry.intake.sandbox in a folder of its own, which is all it may write to.
"""

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from modelregistry.errors import RefusedFile
from modelregistry.formats.runtime import FormatError
from modelregistry.ingestion import wire
from modelregistry.intake.confinement import confine
from modelregistry.intake.landlock import allow_only
from modelregistry.intake.sandbox import (
    CODE,
    MACHINE_FAULTS,
    OUT_OF_MEMORY,
    STRICKEN,
    UNCONFINED,
    Answer,
    Start,
    Step,
    frame_of,
)

# What is imported, of ours too: beside it may lie the data folder. And what libraries read when
# they look at the machine.
NEEDED: Final = (
    str(CODE / "modelregistry"), sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64",
    "/etc/ld.so.cache", "/etc/localtime", "/proc/self", "/proc/cpuinfo", "/proc/meminfo",
    "/sys/devices/system/cpu", "/dev/urandom", "/dev/null",
)  # fmt: skip
NO_TEXT: Final = wire.Refused("The file cannot be taken: it holds a text that is not Unicode.")


def main(start: Start) -> None:
    sheltered = give_up_rights(start)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=wire.Asked)
    if isinstance(asked, wire.Request) and not sheltered:
        # Other people's code would read all that this user may read.
        asked = msgspec.structs.replace(asked, pickle=False)
    try:
        answer = _answer(asked, start.into)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except OSError as error:
        if error.errno not in MACHINE_FAULTS:
            raise
        end_blameless()
    send(start.into, frame_of(Answer(msgspec.Raw(answer))))
    os._exit(0)  # nothing of the file's is asked to clean up


def give_up_rights(start: Start) -> bool:
    """For ever, and whether no files of others are in reach; a process that cannot ends here."""
    try:
        confine(start.limits, parent=start.parent)
        return allow_only(read=map(Path, NEEDED), write=[Path.cwd()])
    except OSError:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(UNCONFINED)


def end_blameless() -> NoReturn:
    """The machine failed: what is said of that may find no room either."""
    with suppress(OSError):
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(STRICKEN)


def _answer(asked: wire.Asked, into: int) -> bytes:
    """A .skops file may hold half of a character, which no encoding has."""
    try:
        return msgspec.json.encode(_verdict(asked, into))
    except UnicodeEncodeError:
        return msgspec.json.encode(NO_TEXT)


def _verdict(asked: wire.Asked, into: int) -> wire.Verdict:
    def step(name: str) -> None:
        send(into, frame_of(Step(name)))

    return _described(asked, step) if isinstance(asked, wire.Request) else _read(asked, step)


def _read(table: wire.Table, step: Callable[[str], None]) -> wire.Verdict:
    """Imports come after the process is confined, here and below."""
    from modelregistry.ingestion.tabulating import tabulate  # noqa: PLC0415

    try:
        step("validate")
        return tabulate(table)
    except RefusedFile as refusal:
        return wire.Refused(str(refusal))


def _described(request: wire.Request, step: Callable[[str], None]) -> wire.Verdict:
    """What most files are refused for comes before scikit-learn, which takes seconds."""
    from modelregistry.ingestion.glancing import glance, is_pickle  # noqa: PLC0415

    try:
        step("validate")
        glance(request)
        from modelregistry.ingestion.examining import examine  # noqa: PLC0415

        return examine(request, step)
    except RefusedFile as refusal:
        return wire.Refused(str(refusal), pickled=is_pickle())
    except FormatError as error:
        return wire.Refused(f"The file cannot be taken: {error}")


def send(into: int, data: bytes) -> None:
    while data:
        data = data[os.write(into, data) :]


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Start))
