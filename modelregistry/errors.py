"""Errors of the registry. They carry facts; mlapi/problems.py gives them a status.

RegistryError
├── UnknownModel, UnknownVersion, UnknownAlias
├── ModelExists, VersionExists     somebody else was first
├── ImmutableRow       a version or a line of history was to be changed
├── InvalidName        a name that is not ^[a-z0-9][a-z0-9._-]{0,63}$
├── WrongSettings      what a model was told of serving does not fit together
├── ArchivedModel      it takes no versions any more
├── NotChecked         nothing is known yet of what the version takes
├── RefusedFile        what was handed in is no model we take; says why in plain words
│   └── RefusedRows    the rows that came beside it
├── Unconfined         this machine cannot confine what opens files of strangers: none is opened
├── NotLookedAt        the machine failed meanwhile, which says nothing of the file
├── TooLarge           more bytes than may be handed in; carries the limit
├── NotConvertible     ONNX cannot express it, or the runtime cannot load it
├── NotRetrainable     there is no estimator to fit anew, or nothing it could learn from
├── NotComparable      two versions that take other columns, or keep no rows to compare them on
├── NotPromotable      this version may not serve; says why
├── NothingBefore      there is nothing to roll back to
├── StillServing       what serves may not be archived or taken away
├── NoArtifact         the version has no file of that form to give out
├── NoReport           the version was never compared with its source: its file was not taken
├── DamagedArtifact    a stored file is missing, altered or unreadable; carries which
└── StoreUnavailable   the place where files are kept does not answer
"""

from typing import Literal


class RegistryError(Exception):
    """Base of all; the message is a full sentence without paths or class names."""


class UnknownModel(RegistryError):
    pass


class UnknownVersion(RegistryError):
    pass


class UnknownAlias(RegistryError):
    pass


class ModelExists(RegistryError):
    pass


class VersionExists(RegistryError):
    pass


class ImmutableRow(RegistryError):
    pass


class InvalidName(RegistryError):
    pass


class WrongSettings(RegistryError):
    pass


class ArchivedModel(RegistryError):
    pass


class NotChecked(RegistryError):
    pass


class RefusedFile(RegistryError):
    pass


class RefusedRows(RefusedFile):
    pass


class Unconfined(RegistryError):
    pass


class NotLookedAt(RegistryError):
    pass


class TooLarge(RegistryError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"A file may have at most {limit:,} bytes.")
        self.limit = limit


class NotConvertible(RegistryError):
    pass


class NotRetrainable(RegistryError):
    pass


class NotComparable(RegistryError):
    pass


class NotPromotable(RegistryError):
    pass


class NothingBefore(RegistryError):
    pass


class StillServing(RegistryError):
    pass


class NoArtifact(RegistryError):
    pass


class NoReport(RegistryError):
    pass


class DamagedArtifact(RegistryError):
    def __init__(
        self, message: str, *, found: Literal["missing", "altered", "unreadable"] = "unreadable"
    ) -> None:
        super().__init__(message)
        self.found = found


class StoreUnavailable(RegistryError):
    pass
