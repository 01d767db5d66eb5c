"""Errors of jobs. They carry facts; mlapi/problems.py gives them a status.

JobError
├── UnknownKind      nobody has recorded a kind of that name
├── UnknownJob
├── WrongParams      the parameters are not those of the kind; says which and why
├── WrongFilter      a query or a header holds a word that is not known there
├── KeyReused        this idempotency key has started another job
├── NotAllowed       the kind needs a permission that the caller has not
├── NotFinished      there is no result yet
├── NoResult         it has ended without one
├── NotCancellable   it has ended
├── NotRetryable     it has not ended, or it succeeded
├── ResultTooLarge   a handler's answer is over the limit
├── NotJson          a handler's answer cannot be kept
├── JobFailed        what a direct producer reads of a job that did not succeed
├── Quarantined      a message that makes no sense; says why
└── Stopped          raised inside handlers, for them to let pass
    ├── Cancelled    somebody asked for it
    └── Superseded   the lease was lost: somebody else has this job now
"""

from typing import Literal, TypeAlias, get_args

Reason: TypeAlias = Literal["malformed", "unknown_task", "no_row", "wrong_arguments"]
REASONS: tuple[str, ...] = get_args(Reason)  # labels of the metrics


class JobError(Exception):
    """Base of all; the message is a full sentence that everyone may read."""


class UnknownKind(JobError):
    pass


class UnknownJob(JobError):
    pass


class WrongParams(JobError):
    pass


class WrongFilter(JobError):
    pass


class KeyReused(JobError):
    pass


class NotAllowed(JobError):
    pass


class NotFinished(JobError):
    pass


class NoResult(JobError):
    pass


class NotCancellable(JobError):
    pass


class NotRetryable(JobError):
    pass


class ResultTooLarge(JobError):
    pass


class NotJson(JobError):
    pass


class JobFailed(JobError):
    pass


class Quarantined(JobError):
    def __init__(self, message: str, reason: Reason = "malformed") -> None:
        super().__init__(message)
        self.reason = reason


class Stopped(JobError):
    pass


class Cancelled(Stopped):
    pass


class Superseded(Stopped):
    pass
