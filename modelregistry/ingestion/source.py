"""A model file, opened and described; light enough for processes that never open one."""

from dataclasses import dataclass
from importlib.metadata import version as installed
from platform import python_version
from typing import Any, Literal

from modelregistry.formats.plain import plain
from modelregistry.formats.rows import Rows, numbered
from modelregistry.formats.runtime import ClassLabel, Task
from modelregistry.formats.signature import Signature

LIBRARIES = ("scikit-learn", "skops", "skl2onnx", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model file, opened and described; `estimator` is None where it came as ONNX."""

    format: Literal["skops", "onnx"]
    task: Task
    signature: Signature
    classes: tuple[ClassLabel, ...] | None
    samples: Rows | None
    heldout: Rows | None
    rows_from: str
    metrics: dict[str, float]
    estimator: object | None
    file: bytes = b""  # a .skops file's bytes, whose loading a conversion measures


def input_example(source: Source) -> list[Any] | dict[str, Any]:
    """One row as a request may hold it: by column name where the columns have names."""
    columns = source.signature.columns
    row = plain(source.samples.values[0] if source.samples else source.signature.blank_row())
    if columns == numbered(len(columns)):
        return row  # type: ignore[no-any-return]  # plain(a row) is a list
    return dict(zip(columns, row, strict=True))


def library_versions() -> dict[str, str]:
    """What made and checked the version."""
    return {"python": python_version(), **{name: installed(name) for name in LIBRARIES}}
