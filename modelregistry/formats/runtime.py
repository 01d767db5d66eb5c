"""What every model format offers to those who run models: an opened model. One protocol."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from modelregistry.formats.signature import Signature, Tensor

ClassLabel: TypeAlias = int | float | str | bool
Task = Literal["classification", "regression", "clustering", "outlier", "transform"]


class FormatError(Exception):
    """The bytes are not a model of this format, or hold something we do not run. Says what."""


class RowsRefused(Exception):
    """The model does not take these rows, though their datatypes are right: a category it was not
    fitted on, say. Other rows it takes."""

    def __init__(self) -> None:
        super().__init__("The model does not take one of these rows: a value is none it knows.")


# What estimators and runtimes raise for rows they do not take, and when they are damaged.
REFUSALS = (
    RowsRefused,
    FormatError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


class Runtime(Protocol):
    """A model in memory, safe to call from several threads at once."""

    @property
    def signature(self) -> Signature:
        """Inputs, outputs and columns."""

    @property
    def classes(self) -> tuple[ClassLabel, ...] | None:
        """Labels in the order of `probabilities`; None where the model is no classifier."""

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """The named outputs, in that order, each with the batch as its first dimension.

        `inputs` holds every input of the signature, with its datatype and shape. Raises
        RowsRefused where the rows are at fault, anything where the model is.
        """
