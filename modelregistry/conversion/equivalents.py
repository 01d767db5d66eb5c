"""What answers as an estimator does and has an ONNX form, where the estimator itself has none.

A search is its best estimator, a frozen one is what it freezes. The proof is made with the
estimator as it came, so that a mistake here costs the ONNX form and nothing else.
"""

from copy import copy, deepcopy

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomTreesEmbedding, VotingClassifier
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder
from sklearn.semi_supervised import SelfTrainingClassifier

from modelregistry.formats.estimators import Estimator, parts

INNER = (
    (BaseSearchCV, "best_estimator_"),
    (FrozenEstimator, "estimator"),
    (SelfTrainingClassifier, "estimator_"),
)
# Options that converters do not take, and others with the same answers: skl2onnx has no sparse
# matrices, and we answer with dense ones anyway.
OPTIONS = (
    (VotingClassifier, "flatten_transform", True, False),
    (KBinsDiscretizer, "encode", "onehot", "onehot-dense"),
    (RandomTreesEmbedding, "sparse_output", True, False),
)


def expressible(estimator: Estimator) -> Estimator:
    """The estimator, or a copy of it with such parts exchanged."""
    last = _last(estimator)
    swaps = {id(last): _selecting(last)} if isinstance(last, RFE) else {}
    for part in parts(estimator):
        found = _equivalent(part)
        if found is not part:
            swaps[id(part)] = expressible(found)
    return deepcopy(estimator, swaps) if swaps else estimator


def _equivalent(part: Estimator) -> Estimator:
    for kind, inner in INNER:
        if isinstance(part, kind) and hasattr(part, inner):
            return getattr(part, inner)
    if isinstance(part, TransformedTargetRegressor) and _changes_nothing(part):
        return part.regressor_
    if isinstance(part, OneHotEncoder) and not _knows_rare_ones(part):
        return _with(part, "handle_unknown", "ignore")
    for kind, name, usual, instead in OPTIONS:
        if isinstance(part, kind) and getattr(part, name) == usual:
            return _with(part, name, instead)
    return part


def _changes_nothing(part: TransformedTargetRegressor) -> bool:
    return part.func is None and part.transformer is None and hasattr(part, "regressor_")


def _knows_rare_ones(part: OneHotEncoder) -> bool:
    """Whether an unseen category is one of the rare ones; without those it is ignored."""
    if part.handle_unknown not in ("infrequent_if_exist", "warn"):
        return True
    enabled = getattr(part, "_infrequent_enabled", False)
    return enabled and any(rare is not None for rare in part.infrequent_categories_)


def _with(part: Estimator, name: str, value: object) -> Estimator:
    changed = copy(part)
    setattr(changed, name, value)
    return changed


def _last(estimator: Estimator) -> Estimator:
    """The step whose answers are the whole's."""
    return _last(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else estimator


def _selecting(last: RFE) -> Pipeline:
    """It selects columns in ONNX; in scikit-learn it predicts from them, too."""
    return Pipeline([("select", copy(last)), ("predict", expressible(last.estimator_))])
