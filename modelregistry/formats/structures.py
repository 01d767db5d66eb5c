"""Do a loaded estimator's arrays fit each other? Compiled code follows them without looking.

skops restores arrays of any content: neighbours' trees, sparse matrices, support vectors, centres
and splines are held against their own sizes here, before anything reads by them. Decision trees
are trees.py's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline  # type: ignore[import-untyped]
from scipy.sparse import issparse  # type: ignore[import-untyped]
from sklearn.cluster import BisectingKMeans
from sklearn.metrics._dist_metrics import (
    HaversineDistance64,
    MinkowskiDistance64,
    SEuclideanDistance64,
)
from sklearn.neighbors import BallTree, KDTree
from sklearn.neighbors._base import NeighborsBase
from sklearn.svm._base import BaseLibSVM

from modelregistry.formats.estimators import Estimator, inside
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.signature import Tensor


def check_structures(estimator: Estimator) -> None:
    """Raises FormatError for arrays that do not fit each other, or whatever damage raises."""
    held = list(inside(estimator))
    for check in CHECKS:
        if not all(check.sound(each) for each in held if check.concerns(each)):
            raise FormatError("it holds arrays that point outside themselves.")
    if not all(_sparse(each) for each in held if issparse(each)):
        raise FormatError("it holds sparse matrices that point outside themselves.")
    if not all(_centres(each) for each in held if hasattr(each, "cluster_centers_")):
        raise FormatError("it holds centres of another width than its rows.")


def _neighbour_tree(tree: KDTree | BallTree) -> bool:
    """Nodes are numbered breadth first: the children of i are 2i + 1 and 2i + 2."""
    data, index, nodes, bounds, leaf_size, _, count, *_, metric, weights = tree.__getstate__()
    corners = 2 if isinstance(tree, KDTree) else 1
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    return bool(
        index.shape == data.shape[:1]
        and bounds.shape == (corners, len(nodes), data.shape[1])
        and count == len(nodes) > 0 < leaf_size
        and _within(index, len(data))
        and _within(nodes["idx_start"], nodes["idx_end"] + 1)
        and _within(nodes["idx_end"], len(data) + 1)
        and _within(2 * inner + 2, len(nodes))
        and _metric(metric, data.shape[1])
        and (weights is None or weights.shape == data.shape[:1])
    )


def _metric(metric: object, width: int) -> bool:
    """Minkowski's may have a weight for each column, seuclidean's has; a place has two numbers."""
    if isinstance(metric, HaversineDistance64):
        return width == 2
    if not isinstance(metric, MinkowskiDistance64 | SEuclideanDistance64):
        return True
    _, weights, _ = metric.__getstate__()
    return len(weights) in ((0, width) if isinstance(metric, MinkowskiDistance64) else (width,))


def _neighbours(model: NeighborsBase) -> bool:
    """The rows it was fitted on, and for a classifier the place of each one's class."""
    if model._fit_X.shape[1] != model.n_features_in_:
        return False
    classes = getattr(model, "classes_", None)
    if classes is None:
        return True
    several = isinstance(classes, list)
    places = model._y.reshape(len(model._y), -1).T
    known = classes if several else [classes]
    return len(places) == len(known) and all(map(_within, places, map(len, known)))


def _support(svm: BaseLibSVM) -> bool:
    """libsvm's model: one coefficient for each support vector and every class but one."""
    classes = len(svm._n_support)
    count, pairs = len(svm.support_), classes * (classes - 1) // 2
    expected = len(svm.classes_) if hasattr(svm, "classes_") else 2
    empty = svm.kernel == "precomputed" and not svm._sparse
    shape = (0, 0) if empty else (count, svm.n_features_in_)
    return bool(
        "_impl" not in vars(svm)
        and classes == expected
        and (svm._n_support >= 0).all()
        and svm.n_support_.sum() == count
        and svm.support_vectors_.shape == shape
        and svm.shape_fit_[1] == svm.n_features_in_
        and _within(svm.support_, svm.shape_fit_[0])
        and svm._dual_coef_.shape == (classes - 1, count)
        and (not svm._sparse or svm._dual_coef_.nnz == (classes - 1) * count)
        and len(svm._intercept_) == pairs
        and {len(svm._probA), len(svm._probB)} <= {0, 1, pairs}
    )


def _spline(spline: BSpline) -> bool:
    """Its constructor looks at knots, degree and coefficients. Raises ValueError."""
    return bool(BSpline(spline.t, spline.c, spline.k).k == spline.k)


def _sparse(matrix: Estimator) -> bool:
    """Raises ValueError; what has no such check is checked by its constructor."""
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)
    return True


def _centres(model: Estimator) -> bool:
    return bool(model.cluster_centers_.shape[1:] == (model.n_features_in_,))


def _bisected(model: BisectingKMeans) -> bool:
    nodes = [each for each in inside(model._bisecting_tree) if hasattr(each, "center")]
    return all(node.center.shape == (model.n_features_in_,) for node in nodes)


def _within(places: Tensor, stop: int | Tensor) -> bool:
    return bool(((places >= 0) & (places < stop)).all())


@dataclass(frozen=True, slots=True)
class Check:
    """`fitted` is what an object has that could be asked: templates inside others are not."""

    kinds: tuple[type, ...]
    fitted: str
    sound: Callable[[Estimator], bool]

    def concerns(self, each: object) -> bool:
        return isinstance(each, self.kinds) and hasattr(each, self.fitted)


CHECKS = (
    Check((KDTree, BallTree), "data", _neighbour_tree),
    Check((NeighborsBase,), "_fit_X", _neighbours),
    Check((BaseLibSVM,), "_n_support", _support),
    Check((BSpline,), "k", _spline),
    Check((BisectingKMeans,), "_bisecting_tree", _bisected),
)
