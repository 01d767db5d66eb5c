"""A fitted estimator's clone, fitted on other rows: scikit-learn's part of retraining."""

import logging

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import train_test_split

from modelregistry.errors import NotRetrainable
from modelregistry.formats.estimators import Estimator, as_taken, by_position, parts, task_of
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.signature import Tensor
from modelregistry.formats.skops_format import load_estimator, save_estimator

log = logging.getLogger(__name__)
HELD_OUT = 0.25
SEED = 42
MEASURED = ("classification", "regression")
TAKEN_OUT = frozenset({"memory", "n_jobs"})
# What scikit-learn says of rows, which quotes them, and what is said instead; the first that fits.
SAID = (
    ("could not convert string", "a text stands where it takes numbers"),
    ("unknown categories", "a value is none of those it was made for"),
    ("contains NaN", "a value is missing, and it takes none that are"),
    ("too large", "a number is too large for it"),
    ("large values", "a number is too large for it"),
    ("one class", "its targets are all the same"),
    ("1 class", "its targets are all the same"),
    ("greater than one", "its targets are all the same"),
    ("Unknown label type", "its targets are no classes"),
    ("n_samples", "they are too few rows"),
)
UNSAID = "the estimator does not take them"


def load_measurable(data: bytes) -> Estimator:
    """The estimator in a .skops file, taking columns by position.

    Raises NotRetrainable where it could not be compared with its clone.
    """
    try:
        estimator = by_position(load_estimator(data))
        task = task_of(estimator)
    except FormatError as error:
        raise NotRetrainable(f"Its source cannot be opened: {error}") from error
    if task not in MEASURED:
        raise NotRetrainable(
            f"It does {task}: only classifiers and regressors can be measured and retrained."
        )
    return estimator


def split(rows: Rows) -> tuple[Rows, Rows]:
    """Three quarters to learn from and one to measure on, the same ones for the same rows."""
    learnt, heldout = train_test_split(
        np.arange(len(rows)),
        test_size=HELD_OUT,
        random_state=SEED,
        stratify=_strata(np.array(rows.targets)),
    )
    return rows.at(learnt.tolist()), rows.at(heldout.tolist())


def refit(estimator: Estimator, rows: Rows) -> Estimator:
    """A clone of `estimator`, fitted on `rows` by one thread, which keeps nothing on disk.

    Raises NotRetrainable where it cannot be.
    """
    for part in parts(estimator):
        if hasattr(part, "_transformer_to_input_indices"):  # its clone gets no column names
            places = {name: columns for name, _, columns in part.transformers_}
            part.transformers = [(name, step, places[name]) for name, step, _ in part.transformers]
    try:
        table = as_taken(estimator, rows.matrix())
        return _unfitted(estimator, rows.columns).fit(table, np.array(rows.targets))
    except FormatError as error:
        raise NotRetrainable(f"It cannot be fitted on these rows: {error}") from error
    except (ValueError, TypeError) as error:
        log.info("an estimator cannot be fitted anew: %s", error)
        raise NotRetrainable(f"It cannot be fitted on these rows: {_why(error)}.") from error


def _unfitted(estimator: Estimator, columns: tuple[str, ...]) -> Estimator:
    """A clone. Its file says neither where on this machine steps are kept, from where pickles would
    be read, nor how many processors it takes; templates in it take columns by their place.
    """
    fresh = clone(estimator)
    for part in parts(fresh):
        for name in TAKEN_OUT & vars(part).keys():
            setattr(part, name, None)
        if isinstance(part, ColumnTransformer):
            part.transformers = [
                (name, step, _by_place(wanted, columns)) for name, step, wanted in part.transformers
            ]
    return fresh


def _by_place(wanted: object, columns: tuple[str, ...]) -> object:
    """One name or several, as places; all that says otherwise which columns are meant stays."""
    if isinstance(wanted, str):
        return columns.index(wanted) if wanted in columns else wanted
    names = list(wanted) if isinstance(wanted, list | tuple | np.ndarray) else []
    if names and all(isinstance(name, str) and name in columns for name in names):
        return [columns.index(name) for name in names]
    return wanted


def as_file(estimator: Estimator) -> bytes:
    """The estimator as a .skops file. Raises NotRetrainable where there is no such form."""
    try:
        return save_estimator(estimator)
    except FormatError as error:
        raise NotRetrainable(f"What came of it cannot be kept: {error}") from error


def _why(error: Exception) -> str:
    """In words that are all ours: scikit-learn's hold values of the rows, as numpy writes them."""
    text = str(error)
    return next((words for part, words in SAID if part in text), UNSAID)


def _strata(targets: Tensor) -> Tensor | None:
    """What puts each class into both parts; None where the targets are no classes, or too rare."""
    _, counts = np.unique(targets, return_counts=True)
    return targets if counts.min() > 1 and len(counts) <= HELD_OUT * len(targets) else None
