"""Estimators in .skops files, saved, loaded and run: the only loader of estimators."""

import logging
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import skops.io
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from modelregistry.formats.estimators import Estimator, by_position, parts, shaped
from modelregistry.formats.rows import with_nan
from modelregistry.formats.runtime import ClassLabel, FormatError, RowsRefused
from modelregistry.formats.signature import Signature, Tensor
from modelregistry.formats.structures import check_structures
from modelregistry.formats.trees import check_trees
from modelregistry.formats.trusted import TRUSTED

log = logging.getLogger(__name__)

# What skops lets out of a damaged or hostile archive.
MALFORMED = (
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    EOFError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class SklearnRuntime:
    """A fitted estimator behind the same names and shapes as its ONNX form."""

    estimator: Estimator
    signature: Signature
    classes: tuple[ClassLabel, ...] | None

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        rows = self._table(inputs)
        specs = {spec.name: spec for spec in self.signature.outputs}
        try:
            return [shaped(self.estimator, specs[name], rows) for name in outputs]
        except ValueError as error:  # scikit-learn's word for a category or a size it cannot take
            log.info("an estimator refused its rows", exc_info=error)  # or is at fault itself
            raise RowsRefused from error

    def _table(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The inputs side by side, as the estimator was fitted: [rows, columns]."""
        tensors = [inputs[spec.name] for spec in self.signature.inputs]
        if any(spec.datatype == "BYTES" for spec in self.signature.inputs):
            return with_nan(np.hstack([tensor.astype(object) for tensor in tensors]))
        return tensors[0] if len(tensors) == 1 else np.hstack(tensors)


def open_skops(
    data: bytes, *, signature: Signature, classes: tuple[ClassLabel, ...] | None = None
) -> SklearnRuntime:
    """The estimator in `data`, ready to run. Raises FormatError as load_estimator does."""
    return SklearnRuntime(by_position(load_estimator(data)), signature, classes)


def load_estimator(data: bytes) -> Estimator:
    """The estimator in a .skops file. Raises FormatError for damage and for untrusted types."""
    try:
        estimator = skops.io.loads(data, trusted=list(TRUSTED))
        check_structures(estimator)
        check_trees(estimator)
        _refuse_readers(estimator)
    except UntrustedTypesFoundException as error:
        found = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))
        raise FormatError(
            f"it holds types that are not trusted: {_printable(', '.join(found)[:300])}."
        ) from error
    except MALFORMED as error:
        raise FormatError("it is damaged, or was not saved by skops.") from error
    return estimator


def _printable(text: str) -> str:
    """What a file says may be anything: half a character, NUL, a terminal's commands."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _refuse_readers(estimator: Estimator) -> None:
    """A text vectoriser may be told to open the files that its rows name: the server's own."""
    if any(getattr(part, "input", "content") != "content" for part in parts(estimator)):
        raise FormatError("it holds a text vectoriser that reads files; only content is taken.")


def save_estimator(estimator: Estimator) -> bytes:
    """The estimator as a .skops file. Raises FormatError where skops cannot save it."""
    try:
        data: bytes = skops.io.dumps(estimator)
    except (UnsupportedTypeException, NotImplementedError, TypeError, ValueError) as error:
        raise FormatError("skops cannot save it.") from error
    return data
