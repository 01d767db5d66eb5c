"""Errors of the registry. They carry facts; mlapi/problems.py gives them a status.

RegistryError
├── UnknownModel, UnknownVersion, UnknownAlias
├── ModelExists, VersionExists     somebody else was first
├── ImmutableRow       a version or a line of history was to be changed
├── InvalidName        a name that is not ^[a-z0-9][a-z0-9._-]{0,63}$
├── RefusedFile        what was handed in is no model we take; says why in plain words
├── NotConvertible     ONNX cannot express it, or the runtime cannot load it
├── NotRetrainable     there is no estimator to fit anew, or nothing it could learn from
├── NotPromotable      this version may not serve; says why
└── DamagedArtifact    a stored file is gone or its sha256 differs
"""


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


class RefusedFile(RegistryError):
    pass


class NotConvertible(RegistryError):
    pass


class NotRetrainable(RegistryError):
    pass


class NotPromotable(RegistryError):
    pass


class DamagedArtifact(RegistryError):
    pass
