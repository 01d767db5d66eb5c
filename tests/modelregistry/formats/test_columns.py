"""Estimators fitted on data frames answer arrays, by position and without warnings."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelregistry.formats.estimators import by_position, column_names
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.signature import Signature, TensorSpec

TABLE = np.array([[1.0, "a"], [2.0, "b"], [3.0, "a"], [4.0, "b"]], dtype=object)


def pipeline() -> Pipeline:
    prepare = ColumnTransformer(
        [("kind", OneHotEncoder(handle_unknown="ignore"), [1]), ("size", StandardScaler(), [0])]
    )
    return Pipeline([("prepare", prepare), ("predict", LogisticRegression())])


def as_if_fitted_on_a_frame(fitted: Pipeline) -> Pipeline:
    """The attributes that fitting on a data frame with columns size and kind leaves behind."""
    names = np.array(["size", "kind"], dtype=object)
    prepare = fitted.named_steps["prepare"]
    prepare.feature_names_in_ = names
    spelt = {0: "size", 1: "kind"}
    prepare.transformers_ = [
        (name, step, [spelt[index] for index in columns] if step != "drop" else columns)
        for name, step, columns in prepare.transformers_
    ]
    for _, step, columns in prepare.transformers_:
        if step != "drop":
            step.feature_names_in_ = np.array(columns, dtype=object)
    return fitted


def test_column_names_of_a_data_frame_are_remembered_and_then_not_needed() -> None:
    plain = pipeline().fit(TABLE, [0, 0, 1, 1])
    framed = as_if_fitted_on_a_frame(pipeline().fit(TABLE, [0, 0, 1, 1]))
    assert column_names(framed) == ("size", "kind")
    with pytest.raises(ValueError, match="only supported for dataframes"):
        framed.predict(TABLE)
    assert np.array_equal(by_position(framed).predict_proba(TABLE), plain.predict_proba(TABLE))


def test_columns_without_names_are_numbered() -> None:
    assert column_names(pipeline().fit(TABLE, [0, 0, 1, 1])) == ("x0", "x1")


def test_an_unfitted_estimator_is_told_apart() -> None:
    with pytest.raises(FormatError, match="is it fitted"):
        column_names(LogisticRegression())


def test_rows_keep_numbers_and_text_apart() -> None:
    rows = Rows.of(TABLE, columns=["size", "kind"])
    assert rows.textual == (False, True)
    assert rows.matrix().tolist() == TABLE.tolist()


def test_what_is_missing_is_not_a_number_among_numbers_and_among_texts() -> None:
    numbers = Rows(columns=("a",), values=((1.0,), (None,)))
    assert np.isnan(numbers.matrix()[1, 0])
    texts = Rows(columns=("a", "b"), values=(("x", 1), (None, None)))
    assert texts.textual == (True, False)
    assert texts.matrix()[0].tolist() == ["x", 1.0]
    assert all(np.isnan(value) for value in texts.matrix()[1])


def test_a_column_of_texts_and_numbers_is_refused() -> None:
    with pytest.raises(FormatError, match="mixes text with numbers"):
        Rows(columns=("a",), values=(("x",), (1.0,))).matrix()


def test_onnx_is_given_no_missing_text() -> None:
    spec = TensorSpec(name="kind", datatype="BYTES", shape=(-1, 1))
    signature = Signature(inputs=(spec,), outputs=(spec,), columns=("kind",))
    rows = Rows(columns=("kind",), values=(("x",), (float("nan"),)))
    with pytest.raises(FormatError, match="no missing texts, and column kind has some"):
        rows.tensors(signature)


def test_a_column_that_is_given_alone_stays_alone() -> None:
    """A text vectoriser is given the texts of one column, an encoder a table of one column."""
    texts = np.array([[1.0, "a dog"], [2.0, "a car"]] * 5, dtype=object)
    words = ColumnTransformer([("words", CountVectorizer(), 1), ("size", "passthrough", [0])])
    model = make_pipeline(words, LogisticRegression()).fit(texts, [0, 1] * 5)
    before = model.predict_proba(texts)
    assert np.array_equal(by_position(model).predict_proba(texts), before)


def test_rows_of_unequal_length_are_refused() -> None:
    with pytest.raises(FormatError, match="needs 2 values"):
        Rows(columns=("a", "b"), values=((1.0, 2.0), (1.0,)))


def test_rows_survive_json() -> None:
    rows = Rows.of(TABLE, columns=["size", "kind"], targets=np.array(["no", "yes", "no", "yes"]))
    assert Rows.from_json(rows.to_json()) == rows
