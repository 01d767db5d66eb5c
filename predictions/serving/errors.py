"""Errors of the serving core. Facts only; mlapi/problems.py gives them a status.

ServingError
├── UnknownModel      no live version under that name
├── NotReady          the model is known, or may be, but nothing is loaded yet
│   ├── NotLoaded     this version may be loaded for whoever asks for it
│   └── VersionBroken its file is damaged; it answers again once that is whole
├── Overloaded        the queue is full; says when to come back
├── DeadlineExceeded  the time of the client, or of its model, is over; its rows do not run any more
├── InferenceFailed   the model raised; its batch fails, the next one runs
└── NotFinite         the model's answer to these rows is no number that JSON has
"""

from modelregistry.audience import Audience


class ServingError(Exception):
    """Base of all; the message is a full sentence for the client."""


class UnknownModel(ServingError):
    def __init__(self) -> None:
        super().__init__(
            "There is no such model, no such version of it that is ready, or it is not open to you."
        )


class NotReady(ServingError):
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("The model is not loaded yet.")


class NotLoaded(NotReady):
    """`audience` may have it loaded; `deadline_s` says for how long a caller waits who names no
    time.
    """

    def __init__(self, *, audience: Audience, deadline_s: float) -> None:
        super().__init__()
        self.audience = audience
        self.deadline_s = deadline_s


class VersionBroken(NotReady):
    retry_after_s = 10  # as often as damaged files are looked at again

    def __init__(self) -> None:
        ServingError.__init__(
            self,
            "The version is broken: its file is missing or altered. "
            "It answers again once the file is whole.",
        )


class Overloaded(ServingError):
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("The model's queue is full.")


class DeadlineExceeded(ServingError):
    def __init__(self) -> None:
        super().__init__("The time for this request is over; nothing was answered.")


class NotFinite(ServingError):
    def __init__(self) -> None:
        super().__init__("The model's answer to one of these rows is not a finite number.")


class InferenceFailed(ServingError):
    def __init__(self) -> None:
        super().__init__("The model failed on this batch.")
