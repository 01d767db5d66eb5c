"""Kinds of work, recorded by the apps above when they start: name, handler, limits, parameters.

Records only: nothing here runs, queues or stores anything.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from jobs.errors import UnknownKind, WrongParams

if TYPE_CHECKING:
    from django.contrib.auth.models import User  # settings are read before there are models

_nul = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # after an even number of backslashes
TIME_LIMIT_S = 3600
HARD_LIMIT_AFTER_S = 30  # for a handler that does not end at its time limit


@dataclass(frozen=True, slots=True)
class Subject:
    """What a job is about: a page of the admin, by the URL's name and the object's id."""

    label: str
    view: str
    object_id: str


class Work(Protocol):
    """What a handler is given. Both calls raise Stopped (Cancelled) when the job is to end."""

    @property
    def job_id(self) -> uuid.UUID: ...

    @property
    def attempt(self) -> int:
        """1 in the first run; more after a worker was lost: effects may be there already."""

    @property
    def owner_id(self) -> int | None: ...

    @property
    def is_operators(self) -> bool:
        """Whether the operator's own command or schedule has made it. Another job without an owner
        is one whose owner's account is gone, or a stranger's: it may do what anybody may.
        """

    def progress(self, done: int, total: int, stage: str = "") -> None: ...

    def log(self, message: str, level: str = "info") -> None:
        """A line of the job's log; level is debug, info, warning or error."""


def no_subject(_params: Any, _owner: "User | None") -> Subject | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    name: str  # the Celery task's name too
    title: str
    params: type[msgspec.Struct]
    """Decoded strictly; its JSON Schema is what clients see."""
    handler: Callable[[Work, Any], object]
    """Gets the decoded params, returns what JSON can hold; whatever it raises fails the job."""
    subject: "Callable[[Any, User | None], Subject | None]" = no_subject
    """What the job is about, as its owner sees it; without one, as the operator does. Raises
    WrongParams for what they do not see, as for what is not there."""
    permission: str | None = None
    """Django permission needed to submit over REST or in the admin; None: any key or session."""
    seen_with: str | None = None
    """Django permission needed besides to see other people's jobs, where results tell of rows."""
    time_limit_s: float = TIME_LIMIT_S
    max_attempts: int = 3
    audited: bool = True
    """Whether its submits stand in the audit trail; not where there are thousands of them."""
    shown: tuple[type[Exception], ...] = ()
    """Exceptions of the handler whose own sentence everyone may read; others stay in the log."""
    undo: Callable[[uuid.UUID], None] | None = None
    """Takes back what this job has left half made; called when it has ended without success."""
    direct: Callable[..., dict[str, Any]] | None = None
    """Arguments of a message sent without a row -> params; None: such messages are refused."""
    direct_result: Callable[[Any], object] | None = None
    """The job's result -> what a direct producer reads; None: the result itself."""

    def decode(self, params: object) -> tuple[msgspec.Struct, Any]:
        """The parameters as the handler gets them and as the row keeps them. Raises WrongParams.

        They pass through JSON, so that what a row cannot hold (NaN, NUL) is refused here.
        """
        try:
            decoded = msgspec.convert(params, self.params, strict=True)
            raw = msgspec.json.encode(decoded)
            decoded = msgspec.json.decode(raw, type=self.params)
        except (TypeError, ValueError, RecursionError) as error:
            fault = fault_of(error, self.params)
            raise WrongParams(f"The parameters are not those of {self.name}: {fault}.") from error
        if holds_nul(raw):
            raise WrongParams("The parameters hold a NUL character.")
        return decoded, msgspec.json.decode(raw)

    def params_schema(self) -> dict[str, Any]:
        return msgspec.json.schema(self.params)


def holds_nul(raw: bytes) -> bool:
    """Whether JSON has a NUL character in it, which no database keeps; a text may tell of one."""
    return b"\\u0000" in raw and _nul.search(raw) is not None


def fault_of(error: Exception, struct: type[msgspec.Struct]) -> str:
    """What msgspec found, without the words of whoever sent it."""
    if not isinstance(error, msgspec.ValidationError):
        return "JSON cannot hold them"
    text = str(error)
    if text.startswith("Object contains unknown field"):
        return f"there is a name too many; known are {', '.join(struct.__struct_encode_fields__)}"
    if missing := re.fullmatch(r"Object missing required field (`\w+`)", text):
        return f"{missing[1]} is missing"
    return "a word is not one of those it takes" if text.startswith("Invalid enum") else text


_kinds: dict[str, Kind] = {}


def record(kind: Kind) -> None:
    """Make `kind` known. Raises ValueError where its name is taken."""
    if kind.name in _kinds:
        raise ValueError(f"There is a kind {kind.name} already.")
    _kinds[kind.name] = kind


def find(name: str) -> Kind:
    """Raises UnknownKind."""
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(f"There is no kind of job named {name[:64]!r}.") from None


def all_kinds() -> list[Kind]:
    return [_kinds[name] for name in sorted(_kinds)]
