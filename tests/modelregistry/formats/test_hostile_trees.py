"""A file whose trees point outside themselves is refused before anything follows the pointers."""

import json
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier

from modelregistry.formats.runtime import FormatError
from modelregistry.formats.skops_format import load_estimator, save_estimator

ROWS = np.random.default_rng(1).random((200, 3))
LABELS = (ROWS.sum(axis=1) > 1.5).astype(int)


def tampered(tree: object, **changes: int) -> None:
    """Write into the root node, as a hostile file could."""
    state = tree.__getstate__()
    for field, value in changes.items():
        state["nodes"][field][0] = value
    tree.__setstate__(state)


@pytest.mark.parametrize(
    "changes",
    [
        {"left_child": 10**6},
        {"right_child": -5},
        {"feature": 3},
        {"feature": -1},
        {"right_child": 0},  # a circle
    ],
    ids=str,
)
def test_nodes_that_point_nowhere_are_refused(changes: dict[str, int]) -> None:
    model = DecisionTreeClassifier(max_depth=4).fit(ROWS, LABELS)
    tampered(model.tree_, **changes)
    with pytest.raises(FormatError, match="point nowhere"):
        load_estimator(save_estimator(model))


@pytest.mark.parametrize(
    ("model", "inner"),
    [
        (RandomForestClassifier(2), lambda m: m.estimators_[1]),
        (GradientBoostingClassifier(n_estimators=2), lambda m: m.estimators_[1, 0]),
        (BaggingClassifier(DecisionTreeClassifier(), n_estimators=2), lambda m: m.estimators_[1]),
        (IsolationForest(n_estimators=2), lambda m: m.estimators_[1]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_member_that_claims_wider_rows_is_refused(
    model: object, inner: Callable[[object], DecisionTreeClassifier]
) -> None:
    fitted = model.fit(ROWS, LABELS)
    member = inner(fitted)
    member.n_features_in_ = 1000
    tampered(member.tree_, feature=900)
    with pytest.raises(FormatError, match="point nowhere"):
        load_estimator(save_estimator(fitted))


@pytest.mark.parametrize("field", ["left", "feature_idx"])
def test_histogram_boosting_is_looked_at_too(field: str) -> None:
    model = HistGradientBoostingClassifier(max_iter=2).fit(ROWS, LABELS)
    model._predictors[0][0].nodes[field][0] = 500
    with pytest.raises(FormatError, match="point nowhere"):
        load_estimator(save_estimator(model))


def test_categorical_splits_are_looked_at_too() -> None:
    kinds = np.column_stack([np.arange(200) % 5, ROWS[:, 0]])
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0])
    model.fit(kinds, np.arange(200) % 5 % 2)
    assert load_estimator(save_estimator(model)).predict(kinds).shape == (200,)
    nodes = model._predictors[0][0].nodes
    assert nodes["is_categorical"].any()
    nodes["bitset_idx"][nodes["is_categorical"] == 1] = 99
    with pytest.raises(FormatError, match="splits that point nowhere"):
        load_estimator(save_estimator(model))


def test_categorical_splits_on_columns_without_categories_are_refused() -> None:
    kinds = np.column_stack([np.arange(200) % 5, ROWS[:, 0]])
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0])
    model.fit(kinds, np.arange(200) % 5 % 2)
    model._bin_mapper.is_categorical_ = model._bin_mapper.is_categorical_[:0]
    with pytest.raises(FormatError, match="splits that point nowhere"):
        load_estimator(save_estimator(model))


def test_a_tree_inside_what_is_no_estimator_is_looked_at_too() -> None:
    model = CalibratedClassifierCV(DecisionTreeClassifier(max_depth=3), ensemble=False)
    model.fit(ROWS, LABELS)
    tampered(model.calibrated_classifiers_[0].estimator.tree_, left_child=10**8)
    with pytest.raises(FormatError, match="point nowhere"):
        load_estimator(save_estimator(model))


def test_a_tree_of_an_estimator_that_checks_no_width_is_refused() -> None:
    model = DecisionTreeClassifier(max_depth=3).fit(ROWS, LABELS)
    del model.n_features_in_
    with pytest.raises(FormatError, match="point nowhere"):
        load_estimator(save_estimator(model))


def test_members_are_held_to_the_rows_though_they_claim_more_columns() -> None:
    model = IsolationForest(n_estimators=2).fit(ROWS)
    model.estimators_features_ = [np.arange(1000)] * 2
    tampered(model.estimators_[0].tree_, feature=900)
    with pytest.raises(FormatError, match="point nowhere"):
        load_estimator(save_estimator(model))


def test_something_else_in_the_place_of_a_tree_is_refused() -> None:
    model = GradientBoostingClassifier(n_estimators=2).fit(ROWS, LABELS)
    model.estimators_[0, 0].tree_ = "no tree"
    with pytest.raises(FormatError):
        load_estimator(save_estimator(model))


@pytest.mark.parametrize("count", [0, -1])
def test_a_tree_that_claims_to_have_no_nodes_is_refused(count: int) -> None:
    data = save_estimator(DecisionTreeClassifier(max_depth=4).fit(ROWS, LABELS))
    with pytest.raises(FormatError):
        load_estimator(with_node_count(data, count))


def with_node_count(data: bytes, count: int) -> bytes:
    """The file, with another number where its schema says how many nodes a tree has."""
    changed = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                (entry,) = entries(schema, "node_count")
                assert int(entry["content"]) > 1
                entry["content"] = str(count)
                content = json.dumps(schema).encode()
            after.writestr(name, content)
    return changed.getvalue()


def entries(schema: object, key: str) -> Iterator[dict[str, object]]:
    if isinstance(schema, dict):
        if isinstance(schema.get(key), dict):
            yield schema[key]
        for inner in schema.values():
            yield from entries(inner, key)
    if isinstance(schema, list):
        for inner in schema:
            yield from entries(inner, key)
