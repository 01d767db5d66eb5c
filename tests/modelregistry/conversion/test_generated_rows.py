"""Rows made from what an estimator learned lie where it learned."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from modelregistry.conversion.sampling import generated_rows

SIZES = np.random.default_rng(5).uniform(100, 300, (50, 1))
TABLE = np.hstack([SIZES.astype(object), np.array([["a"], ["b"]] * 25, dtype=object)])


def test_a_scalers_range_is_known() -> None:
    model = make_pipeline(MinMaxScaler(), LinearRegression()).fit(SIZES, SIZES[:, 0])
    drawn = generated_rows(model, ("size",)).matrix()
    assert SIZES.min() <= drawn.min() < drawn.max() <= SIZES.max()


def test_numbers_and_categories_are_drawn_column_by_column() -> None:
    prepare = ColumnTransformer([("k", OneHotEncoder(), [1]), ("s", StandardScaler(), [0])])
    model = make_pipeline(prepare, LogisticRegression()).fit(TABLE, [0, 1] * 25)
    rows = generated_rows(model, ("size", "kind"))
    assert rows.textual == (False, True)
    assert {row[1] for row in rows.values} == {"a", "b"}
    assert 50 < min(row[0] for row in rows.values) < max(row[0] for row in rows.values) < 350


def test_a_trees_thresholds_are_crossed() -> None:
    model = DecisionTreeRegressor(max_depth=3).fit(SIZES, SIZES[:, 0])
    rows = generated_rows(model, ("size",))
    assert len(np.unique(model.apply(rows.matrix()))) == model.get_n_leaves()


FOREST = RandomForestRegressor(3, random_state=0)
BOOSTED = GradientBoostingRegressor(n_estimators=3, random_state=0)
MEMBERS = [("forest", FOREST), ("boosted", BOOSTED), ("line", LinearRegression())]


@pytest.mark.parametrize(
    "ensemble",
    [FOREST, BOOSTED, VotingRegressor(MEMBERS), StackingRegressor(MEMBERS, cv=2)],
    ids=lambda ensemble: type(ensemble).__name__,
)
def test_thresholds_are_known_of_ensembles_and_of_ensembles_of_them(
    ensemble: BaseEstimator,
) -> None:
    model = ensemble.fit(SIZES, SIZES[:, 0])
    drawn = generated_rows(model, ("size",)).matrix()
    assert 50 < drawn.min() < drawn.max() < 350


def test_the_same_seed_makes_the_same_rows() -> None:
    model = LinearRegression().fit(SIZES, SIZES[:, 0])
    same = generated_rows(model, ("size",)), generated_rows(model, ("size",))
    assert same[0] == same[1] != generated_rows(model, ("size",), seed=1)
