"""What a file is, told by its content and never by its name."""

from collections.abc import Iterator
from typing import Literal

from modelregistry.errors import RefusedFile
from modelregistry.intake.archive import SCHEMA, ZIP, check_archive, opened

Kind = Literal["skops", "onnx", "pickle", "compressed", "archive", "text", "empty", "unknown"]

EXPORT_SKOPS = "import skops.io\nskops.io.dump(model, 'model.skops')"
PICKLES: tuple[Kind, ...] = ("pickle", "compressed")  # what may be a pickle, and nothing else
COMPRESSED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
)
OLD_PICKLES = (b"(", b"]", b"}", b"c", b"I", b"S")  # opcodes that protocols 0 and 1 begin with
GRAPH, OPSETS, MAX_FIELD = 7, 8, 26  # field numbers of onnx.ModelProto


def recognise(data: bytes) -> Kind:
    """The kind of file `data` is the whole content of."""
    if not data:
        return "empty"
    if data.startswith(ZIP):
        return "skops" if _has_schema(data) else "archive"
    if _is_pickle(data):
        return "pickle"
    if data.startswith(COMPRESSED):
        return "compressed"
    if _is_onnx(data):
        return "onnx"
    return "text" if _is_text(data[:4096]) else "unknown"


def accept(data: bytes) -> Literal["skops", "onnx"]:
    """The kind of model `data` is. Raises RefusedFile, saying what it is instead, or what is wrong
    with the archive.
    """
    if data.startswith(ZIP):
        check_archive(data)
    kind = recognise(data)
    if kind in _REFUSALS:
        raise RefusedFile(_REFUSALS[kind])
    return "skops" if kind == "skops" else "onnx"


def check_start(head: bytes, *, whole: bool, pickles: bool = False) -> None:
    """What its first bytes give away of a file that is still coming in; `whole`: they are all.

    No archive is opened, and `pickles` lets through what may be one: accept judges the rest.
    Raises RefusedFile where no model begins like that.
    """
    if head.startswith(ZIP):
        return
    kind = recognise(head) if whole else _begins_as(head)
    if pickles and (kind in PICKLES or head.startswith(OLD_PICKLES)):
        return
    if kind in _REFUSALS:
        raise RefusedFile(_REFUSALS[kind])


_WANTED = "A model is a .skops or an .onnx file."
_PICKLE = (
    "{} Loading it would run whatever code it holds. Where you trained the model, export it "
    f"with these two lines and hand in the .skops file:\n{EXPORT_SKOPS}"
)
_REFUSALS: dict[Kind, str] = {
    "pickle": _PICKLE.format("This is a pickle or joblib file."),
    "compressed": _PICKLE.format("This is a compressed file, as joblib writes them."),
    "text": f"This is a text file. {_WANTED}",
    "empty": f"The file is empty. {_WANTED}",
    "unknown": f"This is no file we know. {_WANTED}",
}


def _has_schema(data: bytes) -> bool:
    try:
        with opened(data) as archive:
            return SCHEMA in archive.namelist()
    except RefusedFile:
        return False


def _is_pickle(data: bytes) -> bool:
    """Protocol 2 and later name themselves; 0 and 1 end in a full stop after an opcode."""
    if data[:1] == b"\x80" and data[1:2] <= b"\x09":
        return True
    return data.startswith(OLD_PICKLES) and data[-1:] == b"."


def _begins_as(head: bytes) -> Kind:
    """As recognise says it, of what ends somewhere; an old pickle's end is not there to be seen."""
    if _is_pickle(head[:2]):
        return "pickle"
    if head.startswith(COMPRESSED):
        return "compressed"
    if _begins_as_onnx(head):
        return "onnx"
    return "text" if _is_text(head[:4096]) else "unknown"


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in (9, 10, 13) for byte in head)


def _is_onnx(data: bytes) -> bool:
    """A protobuf message whose fields are onnx.ModelProto's, a graph among them."""
    try:
        fields = set(_fields(data))
    except (ValueError, IndexError):
        return False
    return {GRAPH, OPSETS} <= fields and max(fields) <= MAX_FIELD


def _begins_as_onnx(head: bytes) -> bool:
    """Whether all fields that are whole may be those of a model."""
    try:
        return all(number <= MAX_FIELD for number in _fields(head))
    except (_Truncated, IndexError):
        return True
    except ValueError:
        return False


class _Truncated(ValueError):
    """The message ends within a field."""


def _fields(data: bytes) -> Iterator[int]:
    """The numbers of a protobuf message's top-level fields. Raises ValueError where it is none."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            _, at = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            at += size
        else:
            raise ValueError("onnx.ModelProto has no such field")
        if number == 0:
            raise ValueError("no message has such a field")
        if at > len(data):
            raise _Truncated
        yield number


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("varint too long")
