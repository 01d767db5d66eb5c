"""Unpickles a joblib file on an operator's own machine, when told to trust it."""

import io

import joblib

from modelregistry.errors import RefusedFile
from modelregistry.formats.estimators import Estimator, task_of


def load_trusted_pickle(data: bytes) -> Estimator:
    """The estimator in a joblib or pickle file. Runs whatever code the file holds."""
    try:
        found = joblib.load(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # unpickling runs foreign code: it may raise anything
        raise RefusedFile(f"The file cannot be unpickled: {type(error).__name__}.") from error
    if not hasattr(found, "get_params"):
        raise RefusedFile("The file holds no scikit-learn estimator.")
    task_of(found)
    return found
