"""Are a loaded estimator's trees trees? scikit-learn follows their indices without looking.

skops loads nodes of any content and warns of them for that reason: a file made for the purpose
could make prediction read foreign memory. What training makes passes: children come after their
parent and within the tree, features are columns of the rows.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.tree._tree import Tree

from modelregistry.formats.estimators import Estimator, parts
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.signature import Tensor

WORDS = 8  # of 32 bits: one bit for each of 256 categories


def check_trees(estimator: Estimator) -> None:
    """Raises FormatError for a tree whose nodes point outside it or outside the rows."""
    for part in parts(estimator):
        width = getattr(part, "n_features_in_", None)
        for predictor in _boosted(part):
            _check_boosted(predictor, width, part._bin_mapper.is_categorical_)
        for tree, columns in _grown(part, width):
            _check_grown(tree, columns)
    for part in parts(estimator):
        if isinstance(part, BaseGradientBoosting) and hasattr(part, "estimators_"):
            _check_scores(part)


def _grown(part: Estimator, width: int | None) -> Iterator[tuple[Tree, int | None]]:
    """Its own tree and its members' trees, each with the width of the rows it is given."""
    if isinstance(getattr(part, "tree_", None), Tree):
        yield part.tree_, width
    chosen = getattr(part, "estimators_features_", None)
    members = getattr(part, "estimators_", [])
    for index, member in enumerate(members.flat if isinstance(members, np.ndarray) else members):
        if hasattr(member, "tree_"):
            given = width if chosen is None else len(chosen[index])
            yield member.tree_, min(width or 0, given or 0)


def _boosted(part: Estimator) -> Iterator[Estimator]:
    for predictors in getattr(part, "_predictors", []):
        yield from predictors


def _check_grown(tree: Tree, width: int | None) -> None:
    if not 0 < tree.node_count <= tree.capacity or tree.value.size == 0:
        raise FormatError("a tree in it has no nodes, or says so.")
    left = tree.children_left
    _check(left, tree.children_right, tree.feature, left != -1, width)


def _check_boosted(predictor: Estimator, width: int | None, categorical: Tensor) -> None:
    nodes, bits = predictor.nodes, predictor.raw_left_cat_bitsets
    _check(nodes["left"], nodes["right"], nodes["feature_idx"], nodes["is_leaf"] == 0, width)
    splits = nodes[(nodes["is_categorical"] != 0) & (nodes["is_leaf"] == 0)]
    if len(splits) == 0:
        return
    of_rows = len(categorical) == width and categorical[splits["feature_idx"]].all()
    in_table = bits.shape[1:] == (WORDS,) and splits["bitset_idx"].max() < len(bits)
    if not (of_rows and in_table):
        raise FormatError("a tree in it has splits that point nowhere.")


def _check_scores(part: BaseGradientBoosting) -> None:
    """Each round has a tree for each column of scores, and adds its answers there."""
    start = part._raw_predict_init(np.zeros((1, part.n_features_in_), dtype=np.float32))
    if start.shape != (1, part.estimators_.shape[1]):
        raise FormatError("it has more trees a round than scores.")


def _check(left: Tensor, right: Tensor, feature: Tensor, inner: Tensor, width: int | None) -> None:
    """`inner` marks the nodes that are no leaves."""
    places = np.arange(len(left))[inner]
    low = np.minimum(left[inner], right[inner]).astype(np.int64)
    high = np.maximum(left[inner], right[inner]).astype(np.int64)
    columns = feature[inner]
    sound = (low > places) & (high < len(left)) & (columns >= 0) & (columns < (width or 0))
    if len(left) == 0 or not sound.all():
        raise FormatError("a tree in it has nodes that point nowhere.")
