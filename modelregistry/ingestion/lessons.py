"""Rows to learn from that come with the order to retrain: in its parameters, or in a kept file."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelregistry.errors import NotRetrainable
from modelregistry.formats.rows import Rows, Scalar, numbered
from modelregistry.formats.runtime import ClassLabel, FormatError


@dataclass(frozen=True, slots=True)
class Lesson:
    """Rows in the model's order of columns, and their targets."""

    rows: Sequence[Sequence[Scalar]]
    target: Sequence[ClassLabel]

    def rows_for(self, columns: tuple[str, ...]) -> Rows:
        """Raises NotRetrainable."""
        values = tuple(map(tuple, self.rows))
        try:
            return Rows(columns=columns, values=values, targets=tuple(self.target))
        except FormatError as error:
            raise NotRetrainable(f"It cannot learn from these rows. {error}") from error


@dataclass(frozen=True, slots=True)
class RowsFile:
    """CSV, JSON lines or Parquet, kept under `sha256`; its column `target` has the answers.

    A stranger's: only a confined process opens it.
    """

    sha256: str
    target: str


def in_order(rows: Rows, columns: tuple[str, ...]) -> Rows:
    """The rows with the model's columns, found by name; a model without names takes others as they
    are. Raises NotRetrainable where they do not fit.
    """
    without_names = columns == numbered(len(columns)) and set(rows.columns) != set(columns)
    if without_names and len(rows.columns) == len(columns):
        return Rows(columns=columns, values=rows.values, targets=rows.targets)
    _check_names(rows.columns, columns)
    return rows.arranged(columns)


def _check_names(given: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    if missing := [name for name in wanted if name not in given]:
        raise NotRetrainable(f"These rows lack columns of the model: {_listed(missing)}.")
    if unknown := [name for name in given if name not in wanted]:
        raise NotRetrainable(
            f"These rows have columns that the model does not take: {_listed(unknown)}."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)[:200]
