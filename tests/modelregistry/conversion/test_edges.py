"""Generated rows lie where conversions go wrong; a model that does not take them is not asked."""

import warnings

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from modelregistry.conversion.edges import edge_rows
from modelregistry.conversion.ladder import convert
from modelregistry.conversion.parity import GENERATED
from modelregistry.formats.rows import Rows
from modelregistry.ingestion.opening import convert_source, describe_estimator

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(0, 1, (100, 2))
TABLE = np.empty((100, 2), dtype=object)
TABLE[:, 0], TABLE[:, 1] = NUMBERS[:, 0], list("abcd" * 25)


def edges(estimator: object, table: object = NUMBERS) -> dict[str, Rows]:
    return {edge.words: edge.rows for edge in edge_rows(estimator, Rows.of(table))}


def test_the_exact_thresholds_of_a_tree_are_met_from_both_sides() -> None:
    tree = DecisionTreeRegressor(max_depth=2, random_state=0).fit(NUMBERS, NUMBERS.sum(axis=1))
    found = edges(tree)["on its thresholds"].matrix()
    quarter = len(found) // 4
    below, above = found[:quarter], found[quarter : 2 * quarter]
    assert quarter > 0
    assert (tree.predict(below) != tree.predict(above)).all()
    moved = below != above
    assert (moved.sum(axis=1) == 1).all()
    assert np.isin(above[moved], [np.nextafter(below[moved], side) for side in (-9, 9)]).all()
    splits = tree.tree_.threshold[tree.tree_.feature >= 0]
    away = np.abs(below[moved][:, None] - splits).min(axis=1)
    assert (away <= np.spacing(np.abs(below[moved]).astype(np.float32))).all()


def test_thresholds_behind_a_scaler_are_found_where_the_rows_come_in() -> None:
    tree = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=1))
    rows = NUMBERS * 1000 + 500
    tree.fit(rows, rows[:, 0] > 600)
    found = edges(tree, rows)["on its thresholds"].matrix()[:, 0]
    seen = np.sort(rows[:, 0])
    gap = seen[np.searchsorted(seen, 600) - 1], seen[np.searchsorted(seen, 600)]
    assert ((gap[0] < found) & (found < gap[1])).any()


def test_a_smooth_regressor_has_no_thresholds() -> None:
    assert edges(LinearRegression().fit(NUMBERS, NUMBERS[:, 0])) == {}


def test_every_encoder_that_takes_unseen_categories_gets_one() -> None:
    prepare = ColumnTransformer(
        [("k", OneHotEncoder(handle_unknown="ignore"), [1]), ("s", StandardScaler(), [0])]
    )
    model = make_pipeline(prepare, LogisticRegression()).fit(TABLE, [0, 1] * 50)
    (row,) = edges(model, TABLE)["with an unseen category"].values
    assert row[1] not in "abcd"


def test_an_unseen_number_is_one_more_than_the_encoder_knows() -> None:
    codes = np.tile(np.arange(4.0), 25).reshape(-1, 1)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(encoder, LogisticRegression()).fit(codes, codes[:, 0] > 1)
    assert edges(model, codes)["with an unseen category"].values == ((4.0,),)


def test_a_strict_encoder_is_not_asked_for_unseen_categories() -> None:
    strict = ColumnTransformer([("k", OneHotEncoder(), [1]), ("s", StandardScaler(), [0])])
    model = make_pipeline(strict, LogisticRegression()).fit(TABLE, [0, 1] * 50)
    assert "with an unseen category" not in edges(model, TABLE)


def test_values_go_missing_only_where_the_model_takes_that() -> None:
    imputing = make_pipeline(SimpleImputer(), LinearRegression())
    boosting = HistGradientBoostingRegressor(max_iter=2)
    for model in (imputing, boosting):
        rows = edges(model.fit(NUMBERS, NUMBERS[:, 0]))["with a missing value"].matrix()
        assert np.isnan(rows).sum(axis=0).tolist() == [1, 1]
    assert "with a missing value" not in edges(LinearRegression().fit(NUMBERS, NUMBERS[:, 0]))


def test_every_conversion_says_what_it_found_on_generated_rows() -> None:
    model = HistGradientBoostingRegressor(max_iter=3).fit(NUMBERS, NUMBERS[:, 0])
    parity = convert(model, samples=Rows.of(NUMBERS)).parity
    beside = parity.sets[-1]
    assert (parity.rows, parity.rows_from) == (100, "samples")
    assert (beside.name, beside.decides) == (GENERATED, False)
    assert beside.rows > 2


def test_rows_that_nobody_handed_in_warn_nobody() -> None:
    steep = PoissonRegressor().fit(NUMBERS, np.exp(NUMBERS[:, 0]))
    steep.coef_ = np.array([1e4, 1e4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="warn"):
            convert_source(describe_estimator(steep))
