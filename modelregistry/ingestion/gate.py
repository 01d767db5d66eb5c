"""The gate for files of strangers: a confined process looks at them, and this one reads what it
says. Light: no model is opened here.
"""

import errno
import logging
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from modelregistry.conversion.outcome import unwatched
from modelregistry.errors import NotLookedAt, RefusedFile, Unconfined
from modelregistry.formats.packed import unpack
from modelregistry.formats.rows import Rows
from modelregistry.ingestion import wire
from modelregistry.ingestion.scratch import folder_under
from modelregistry.ingestion.source import Source
from modelregistry.intake.confinement import Limits
from modelregistry.intake.landlock import version as landlock_version
from modelregistry.intake.sandbox import Lost, NotConfined, Sandbox, Stricken
from modelregistry.intake.tables.columns import MOST_CELLS, MOST_COLUMNS

log = logging.getLogger(__name__)
LIMITS: Final = Limits()
TABLE_LIMITS: Final = Limits(
    memory_bytes=4 * 2**30, cpu_s=300, wall_s=600.0
)  # 5 million cells: 0.7 GB, 30 s
Asked: TypeAlias = AbstractContextManager[tuple[wire.Verdict, Path]]
LONGEST_REASON: Final = 2000
# Of an OSError at what the child says it has left: there is none, or not one to read.
LEFT_BY_CHILD: Final = frozenset(
    {
        errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
        errno.EACCES, errno.EPERM, errno.ENXIO,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A model as the child has described it; `source` holds no estimator.

    `kept` is what to keep in the place of a pickle, which `source` describes; `onnx` the form that
    was made and proven.
    """

    source: Source
    form: wire.Form | None
    onnx: bytes | None
    kept: bytes | None = None


class _Pickled(RefusedFile):
    """It is a pickle, and was not opened."""


def examine(
    request: wire.Request,
    *,
    fill: Callable[[Path], None],
    scratch: Path,
    step: Callable[[str], None] = unwatched,
    limits: Limits = LIMITS,
) -> Examined:
    """What the model is and does, and its proven ONNX form; `step` hears convert and prove.

    `fill` puts the request's files into the folder it is given, which is made under `scratch`.
    Raises RefusedFile, saying why the model is not taken, Unconfined, and NotLookedAt where the
    machine failed.
    """
    tell_what_is_missing()
    asked = partial(_asked, scratch=scratch, step=step, limits=limits)
    plain = msgspec.structs.replace(request, pickle=False)
    try:
        return _look(asked(plain, fill))
    except _Pickled:
        if not request.pickle:
            raise
    kept = _saved_anew(asked(request, fill))

    def fill_again(folder: Path) -> None:
        fill(folder)
        (folder / wire.MODEL).write_bytes(kept)

    return replace(_look(asked(plain, fill_again)), kept=kept)


def read_table(
    table: wire.Table,
    *,
    fill: Callable[[Path], None],
    scratch: Path,
    step: Callable[[str], None] = unwatched,
    limits: Limits = TABLE_LIMITS,
) -> Rows:
    """The rows of a file; `step` hears validate, and again while it is read.

    Raises RefusedFile, saying why the file is not taken; Unconfined and NotLookedAt.
    """
    tell_what_is_missing()
    with _asked(table, fill, scratch=scratch, step=step, limits=limits) as (verdict, folder):
        if isinstance(verdict, wire.Read):
            return _rows(folder, wire.ROWS, most_columns=MOST_COLUMNS + 1)  # and the targets
        raise _refusal(verdict)


def _look(asked: Asked) -> Examined:
    """Raises RefusedFile, and _Pickled where it is a pickle, which was not opened."""
    with asked as (verdict, folder):
        if isinstance(verdict, wire.Described):
            return _examined(verdict, folder)
        raise _refusal(verdict)


def _saved_anew(asked: Asked) -> bytes:
    """All that is taken from a process in which a pickle was opened. Raises RefusedFile."""
    with asked as (verdict, folder):
        if isinstance(verdict, wire.Resaved):
            return _bytes(folder, wire.RESAVED)
        raise _refusal(verdict)


@contextmanager
def _asked(
    request: wire.Asked,
    fill: Callable[[Path], None],
    *,
    scratch: Path,
    step: Callable[[str], None],
    limits: Limits,
) -> Iterator[tuple[wire.Verdict, Path]]:
    """The verdict of a process of its own, and its folder, for as long as that is there."""
    try:
        with folder_under(scratch) as folder:
            fill(folder)
            answer = _answer(request, folder, step, limits)
            try:
                yield msgspec.json.decode(answer, type=wire.Verdict), folder
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                log.warning("what came of a file makes no sense: %s", error)
                raise _senseless() from error
    except OSError as error:
        log.error("the machine failed while a file was looked at: %s", error)
        raise _not_looked_at() from error


def _refusal(verdict: wire.Verdict) -> RefusedFile:
    if not isinstance(verdict, wire.Refused):
        return _senseless()
    kind = _Pickled if verdict.pickled else RefusedFile
    return kind(verdict.reason[:LONGEST_REASON])


def _senseless() -> RefusedFile:
    return RefusedFile("The file cannot be taken: what came of it makes no sense.")


def _not_looked_at() -> NotLookedAt:
    return NotLookedAt(
        "The machine failed while the file was looked at, which says nothing of the file. The log "
        "says what happened."
    )


def _answer(
    request: wire.Asked, folder: Path, step: Callable[[str], None], limits: Limits
) -> bytes:
    try:
        sandbox = Sandbox(wire.MODULE, folder=folder, limits=limits)
        return sandbox.ask(msgspec.json.encode(request), step)
    except NotConfined as fault:
        log.error("the process that looks at model files could not be confined: %s", fault.output)
        raise Unconfined(
            "This machine cannot confine the process that looks at model files: none is looked "
            "at. The log says what is missing."
        ) from fault
    except Stricken as fault:
        log.error("a model file was not looked at to the end: %s: %s", fault, fault.output)
        raise _not_looked_at() from fault
    except Lost as lost:
        log.warning("a model file was given up: %s; its process said: %s", lost, lost.output)
        raise RefusedFile(f"The file cannot be taken: looked at, {lost}.") from lost


@cache  # told once
def tell_what_is_missing() -> None:
    if landlock_version() == 0:
        log.warning(
            "this kernel has no Landlock: the process that looks at model files may read what this "
            "user may read; it still has no network and starts no program, and opens no pickle"
        )


def _examined(found: wire.Described, folder: Path) -> Examined:
    return Examined(
        source=Source(
            format=found.format,
            task=found.task,
            signature=found.signature,
            classes=found.classes,
            samples=_rows(folder, wire.ROWS) if found.samples else None,
            heldout=_rows(folder, wire.PROOF) if found.heldout else None,
            rows_from=found.rows_from,
            metrics=found.metrics,
            estimator=None,
        ),
        form=found.form,
        onnx=_bytes(folder, wire.FORM) if found.form and found.form.kept else None,
    )


def _rows(folder: Path, name: str, *, most_columns: int = MOST_CELLS) -> Rows:
    """A model may take more columns than a table has. Raises ValueError and msgspec.DecodeError."""
    return unpack(_bytes(folder, name), most_cells=MOST_CELLS, most_columns=most_columns)


def _bytes(folder: Path, name: str) -> bytes:
    """Raises RefusedFile for what is not a file of a size that is taken: no link, and no pipe, from
    which nothing might come for ever; and OSError where the machine fails.
    """
    path = folder / name
    try:
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_size <= wire.LARGEST[name]:
            return path.read_bytes()
    except OSError as error:
        if error.errno not in LEFT_BY_CHILD:
            raise
    log.warning("what came of a file makes no sense: %s is no file to read", name)
    raise _senseless()
