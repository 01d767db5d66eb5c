"""A file whose arrays do not fit each other is refused before compiled code follows them.

Each of these either ended the process at its first prediction or read memory of somebody else's.
"""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.cluster import BisectingKMeans, KMeans
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from sklearn.metrics import DistanceMetric
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM

from modelregistry.formats.runtime import FormatError
from modelregistry.formats.skops_format import load_estimator, save_estimator

ROWS = np.random.default_rng(1).random((200, 3))
LABELS = (ROWS.sum(axis=1) > 1.5).astype(int)
THREE = np.arange(200) % 3
FAR = 2**40


def refuse(model: object) -> None:
    with pytest.raises(FormatError):
        load_estimator(save_estimator(model))


def tamper(tree: object, place: int, value: object) -> None:
    """One entry of a neighbours' tree's state, as a hostile file could say it."""
    state = list(tree.__getstate__())
    state[place] = value
    tree.__setstate__(tuple(state))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize(
    ("place", "change"),
    [
        (1, lambda index: index + FAR),
        (1, lambda index: index - 1),
        (1, lambda index: index[:-1].copy()),
        (2, lambda nodes: with_field(nodes, "idx_end", FAR)),
        (2, lambda nodes: with_field(nodes, "idx_start", -1)),
        (2, lambda nodes: with_field(nodes, "is_leaf", 0)),
        (3, lambda bounds: bounds[:, :1].copy()),
        (3, lambda bounds: bounds[:, :, :1].copy()),
        (4, lambda leaf_size: 0),
        (6, lambda count: count + 1),
    ],
)
def test_neighbours_trees_that_point_outside_themselves_are_refused(
    algorithm: str, place: int, change: Callable[[object], object]
) -> None:
    model = KNeighborsClassifier(algorithm=algorithm, leaf_size=5).fit(ROWS, LABELS)
    tamper(model._tree, place, change(model._tree.__getstate__()[place]))
    refuse(make_pipeline(StandardScaler().fit(ROWS), model))


def with_field(nodes: np.ndarray, field: str, value: int) -> np.ndarray:
    changed = nodes.copy()
    changed[field] = value
    return changed


@pytest.mark.parametrize(
    "metric",
    [DistanceMetric.get_metric("haversine"), DistanceMetric.get_metric("seuclidean", V=np.ones(1))],
)
def test_a_metric_of_rows_of_another_width_is_refused(metric: DistanceMetric) -> None:
    model = KNeighborsRegressor(algorithm="ball_tree").fit(ROWS, LABELS)
    tamper(model._tree, len(model._tree.__getstate__()) - 2, metric)
    refuse(model)


def test_a_metric_with_too_few_weights_is_refused() -> None:
    weights = {"w": np.ones(3)}
    model = KNeighborsRegressor(algorithm="ball_tree", p=3, metric_params=weights)
    model.fit(ROWS, LABELS)
    assert load_estimator(save_estimator(model)).predict(ROWS).shape == (200,)
    place = len(model._tree.__getstate__()) - 2
    tamper(model._tree, place, DistanceMetric.get_metric("minkowski", p=3, w=np.ones(1)))
    refuse(model)


@pytest.mark.parametrize("change", [2**40, -5])
def test_neighbours_of_classes_that_are_not_there_are_refused(change: int) -> None:
    model = KNeighborsClassifier(algorithm="brute").fit(ROWS, LABELS)
    model._y = model._y + change
    refuse(model)


def test_neighbours_of_other_width_than_the_rows_are_refused() -> None:
    model = KNeighborsRegressor(algorithm="brute").fit(ROWS, LABELS)
    model.n_features_in_ = 1000
    refuse(model)


@pytest.mark.parametrize("field", ["indices", "indptr"])
def test_sparse_matrices_that_point_outside_themselves_are_refused(field: str) -> None:
    model = KNeighborsClassifier(algorithm="brute").fit(scipy.sparse.csr_matrix(ROWS), LABELS)
    assert load_estimator(save_estimator(model))._fit_X.shape == (200, 3)
    getattr(model._fit_X, field)[1] = 2**30
    refuse(model)


def support(**changes: Callable[[np.ndarray], object]) -> Callable[[BaseEstimator], None]:
    def change(model: BaseEstimator) -> None:
        for name, made in changes.items():
            setattr(model, name, made(getattr(model, name)))

    return change


@pytest.mark.parametrize("model", [SVC(), NuSVC(nu=0.3), SVR(), OneClassSVM()], ids=str)
@pytest.mark.parametrize(
    "change",
    [
        support(support_=lambda a: a + 2**30),
        support(support_=lambda a: a[1:]),
        support(_n_support=lambda a: a + 1),
        support(_n_support=lambda a: a[:1]),
        support(support_vectors_=lambda a: a[:, :1].copy()),
        support(support_vectors_=lambda a: a[:5].copy()),
        support(_dual_coef_=lambda a: a[:, :1].copy()),
        support(_dual_coef_=lambda a: a[:0].copy()),
        support(_intercept_=lambda a: a[:0]),
        support(_probA=lambda a: np.ones(7)),
        support(_impl=lambda a: "nu_svc" if a != "nu_svc" else "epsilon_svr"),
    ],
)
def test_support_vectors_that_do_not_fit_each_other_are_refused(
    model: BaseEstimator, change: Callable[[BaseEstimator], None]
) -> None:
    fitted = type(model)(**model.get_params()).fit(ROWS, THREE)
    change(fitted)
    refuse(fitted)


def test_support_vectors_by_place_are_looked_at_where_only_places_count() -> None:
    model = SVC(kernel="precomputed").fit(ROWS @ ROWS.T, LABELS)
    assert load_estimator(save_estimator(model)).predict(ROWS @ ROWS.T).shape == (200,)
    model.support_ = model.support_ + 2**30
    refuse(model)


def test_sparse_support_vectors_are_looked_at_too() -> None:
    model = SVC().fit(scipy.sparse.csr_matrix(ROWS), LABELS)
    assert load_estimator(save_estimator(model)).predict(ROWS).shape == (200,)
    model.support_vectors_.indices[0] = 2**30
    refuse(model)


def test_centres_of_other_width_than_the_rows_are_refused() -> None:
    model = KMeans(2, random_state=0).fit(ROWS)
    model.cluster_centers_ = model.cluster_centers_[:, :1].copy()
    refuse(model)


def test_centres_inside_a_bisecting_tree_are_looked_at_too() -> None:
    model = BisectingKMeans(4, random_state=0).fit(ROWS)
    model._bisecting_tree.left.center = model._bisecting_tree.left.center[:1].copy()
    refuse(model)


def test_splines_with_too_few_coefficients_are_refused() -> None:
    model = SplineTransformer().fit(ROWS)
    model.bsplines_[1]._c = model.bsplines_[1]._c[:1].copy()
    refuse(model)


@pytest.mark.parametrize(
    "model", [GradientBoostingClassifier(n_estimators=2), GradientBoostingRegressor(n_estimators=2)]
)
def test_more_trees_a_round_than_scores_are_refused(model: BaseEstimator) -> None:
    fitted = type(model)(**model.get_params()).fit(ROWS, LABELS)
    fitted.estimators_ = np.repeat(fitted.estimators_, 50, axis=1)
    refuse(fitted)


@pytest.mark.parametrize(
    "template",
    [
        SVC(),
        KNeighborsClassifier(),
        KNeighborsClassifier(algorithm="ball_tree"),
        GradientBoostingClassifier(n_estimators=2),
        make_pipeline(SplineTransformer(), SVC()),
    ],
    ids=str,
)
def test_templates_that_were_never_fitted_pass_inside_what_was(template: BaseEstimator) -> None:
    for model in (BaggingClassifier(template, n_estimators=2), GridSearchCV(template, {}, cv=2)):
        loaded = load_estimator(save_estimator(model.fit(ROWS, LABELS)))
        assert np.array_equal(loaded.predict(ROWS), model.predict(ROWS))
