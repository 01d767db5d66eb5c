"""A clone is fitted on rows as the model has them; its file decides nothing of the machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import FeatureAgglomeration
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelregistry.errors import NotRetrainable
from modelregistry.formats.estimators import by_position, parts
from modelregistry.formats.rows import Rows, numbered
from modelregistry.formats.skops_format import load_estimator, save_estimator
from modelregistry.ingestion.lessons import in_order
from modelregistry.ingestion.opening import describe_estimator
from modelregistry.ingestion.refitting import refit

IS_RED = [1, 0] * 20
LESSON = Rows(
    columns=("size", "colour"),
    values=tuple(zip(np.arange(40.0).tolist(), ["red", "blue"] * 20, strict=True)),
    targets=tuple(IS_RED),
)


def template() -> Pipeline:
    encode = OneHotEncoder(handle_unknown="ignore")
    choose = ColumnTransformer([("kind", encode, [1]), ("size", StandardScaler(), [0])])
    return make_pipeline(choose, LogisticRegression())


def by_name(estimator: Pipeline) -> None:
    """As it is written for a data frame; pandas is not installed here."""
    (kind, encode, _), (size, scale, _) = estimator[0].transformers
    estimator[0].transformers = [(kind, encode, ["colour"]), (size, scale, ["size"])]


def search() -> GridSearchCV:
    found = GridSearchCV(template(), {"logisticregression__C": [0.1, 1.0]}, cv=2)
    found.fit(LESSON.matrix(), IS_RED)
    by_name(found.estimator)
    return found


def vote() -> VotingClassifier:
    found = VotingClassifier([("a", template()), ("b", template())])
    found.fit(LESSON.matrix(), IS_RED)
    for _, each in found.estimators:
        by_name(each)
    return found


@pytest.mark.parametrize("fitted", [search, vote])
def test_columns_named_in_templates_are_found(fitted: Callable[[], Any]) -> None:
    kept = by_position(load_estimator(save_estimator(fitted())))
    assert refit(kept, LESSON).predict(LESSON.matrix()).tolist() == IS_RED


def test_nothing_is_kept_where_a_file_says_and_no_processors_are_taken(tmp_path: Path) -> None:
    place = str(tmp_path / "cache")
    forest = RandomForestClassifier(n_estimators=3, n_jobs=64)
    fitted = Pipeline([("groups", FeatureAgglomeration(n_clusters=2)), ("forest", forest)])
    rows = np.random.default_rng(0).normal(size=(40, 4))
    fitted.fit(rows, IS_RED).set_params(memory=place, groups__memory=place)
    kept = load_estimator(save_estimator(fitted))
    again = refit(kept, Rows.of(rows, targets=np.array(IS_RED)))
    assert not (tmp_path / "cache").exists()
    told_of = {name: getattr(part, name) for part in parts(again) for name in ("memory", "n_jobs")
               if name in vars(part)}  # fmt: skip
    assert told_of == {"memory": None, "n_jobs": None}
    assert len(again.named_steps["forest"].estimators_) == 3


def in_another_order(columns: tuple[str, ...]) -> Rows:
    """Names in the order of texts: x0, x1, x10, x11, x2 and so on; each value is its column's."""
    order = tuple(sorted(columns))
    value = {name: float(place) for place, name in enumerate(columns)}
    return Rows(columns=order, values=(tuple(value[name] for name in order),), targets=(1,))


def test_rows_of_a_model_without_names_are_found_by_the_names_it_is_given() -> None:
    columns = numbered(12)
    given = in_another_order(columns)
    assert given.columns != columns
    arranged = in_order(given, columns)
    assert (arranged.columns, arranged.values[0]) == (columns, tuple(map(float, range(12))))
    assert arranged.targets == (1,)


def test_other_names_are_taken_as_they_stand_by_a_model_without_names() -> None:
    rows = Rows(columns=("b", "a"), values=((1.0, 2.0),))
    assert in_order(rows, numbered(2)).values == ((1.0, 2.0),)
    with pytest.raises(NotRetrainable, match="lack columns of the model: x2"):
        in_order(Rows(columns=("x0", "x1"), values=((1.0, 2.0),)), numbered(3))


def test_samples_handed_in_are_found_by_those_names_too() -> None:
    table = np.random.default_rng(0).normal(size=(40, 12))
    fitted = LogisticRegression().fit(table, IS_RED)
    source = describe_estimator(fitted, samples=in_another_order(numbered(12)))
    assert source.samples is not None
    assert source.samples.values[0] == tuple(map(float, range(12)))
