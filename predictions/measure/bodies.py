"""Request bodies for load: from a file, or iris rows in the shape that a route takes. Pure."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import msgspec

from predictions.measure.errors import UnusableBodies

Row = tuple[float, ...]

# Smallest and largest value of each iris column: sepal length and width, petal length and width.
IRIS_RANGES = ((4.3, 7.9), (2.0, 4.4), (1.0, 6.9), (0.1, 2.5))
ROWS_IN_A_BATCH = 8


def one_row(rows: Sequence[Row]) -> object:
    return {"features": rows[0]}


def matrix(rows: Sequence[Row]) -> object:
    return {"features": rows}


# What each route takes: rows a request carries, and those rows as a body.
SHAPES: dict[str, tuple[int, Callable[[Sequence[Row]], object]]] = {
    r"/predict-(a?sync|batched)|/predict/async": (1, one_row),
    r"/predict-(onnx|sklearn)": (1, matrix),
    r"/batch-predict": (ROWS_IN_A_BATCH, lambda rows: {"requests": [one_row([r]) for r in rows]}),
    r"/batch/async": (ROWS_IN_A_BATCH, lambda rows: {"batch_features": rows}),
    r"/api/v1/models/iris(@[^/]+|/versions/\d+)?/predict": (1, lambda rows: {"rows": rows}),
}


def iris_rows(count: int, random: Random) -> list[Row]:
    """Rows drawn uniformly within the ranges of the iris data, to a tenth as in the data."""
    return [tuple(round(random.uniform(*r), 1) for r in IRIS_RANGES) for _ in range(count)]


def bodies_for(path: str, rows: Sequence[Row]) -> tuple[bytes, ...] | None:
    """The rows as bodies for the route at `path`; None where the route's shape is not known."""
    for pattern, (size, shape) in SHAPES.items():
        if re.fullmatch(pattern, path.removesuffix("/")):
            return encode_in_turn(rows, size, shape)
    return None


def encode_in_turn(
    rows: Sequence[Row], size: int, shape: Callable[[Sequence[Row]], object]
) -> tuple[bytes, ...]:
    """`rows` as bodies of `size` rows each; what is left over at the end is dropped."""
    starts = range(0, len(rows) - size + 1, size)
    return tuple(msgspec.json.encode(shape(rows[at : at + size])) for at in starts)


def read_bodies(path: Path) -> tuple[bytes, ...]:
    """The bodies of a file: a JSON list of bodies, or one body a line, each as it is written.

    Raises UnusableBodies, naming the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnusableBodies(f"{path} cannot be read: {error.strerror}.") from error
    bodies = _listed(data) if data.lstrip().startswith(b"[") else None
    if bodies is None:
        bodies = _lines(path, data)
    if not bodies:
        raise UnusableBodies(f"{path} holds no body.")
    return bodies


def _listed(data: bytes) -> tuple[bytes, ...] | None:
    """The entries of one JSON list; None where the file is not one list (lines of lists are)."""
    try:
        return tuple(bytes(raw) for raw in msgspec.json.decode(data, type=list[msgspec.Raw]))
    except (msgspec.DecodeError, RecursionError):
        return None


def _lines(path: Path, data: bytes) -> tuple[bytes, ...]:
    numbered = enumerate(data.splitlines(), start=1)
    return tuple(_checked(path, n, line.strip()) for n, line in numbered if line.strip())


def _checked(path: Path, number: int, line: bytes) -> bytes:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnusableBodies(
            f"{path}, line {number}, is not JSON ({error}); the file holds one JSON body a line, "
            "or one JSON list of bodies."
        ) from error
    return line
