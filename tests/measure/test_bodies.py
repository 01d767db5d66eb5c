"""Bodies: the shape of each tutorial route, and files of one's own."""

import json
from random import Random

import pytest

from predictions.measure.bodies import IRIS_RANGES, bodies_for, iris_rows, read_bodies
from predictions.measure.errors import UnusableBodies

ROWS = [(5.1, 3.5, 1.4, 0.2), (6.2, 2.9, 4.3, 1.3)] * 8
FIRST = list(ROWS[0])


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/predict-sync", {"features": FIRST}),
        ("/predict-async", {"features": FIRST}),
        ("/predict-batched/", {"features": FIRST}),
        ("/predict/async", {"features": FIRST}),
        ("/predict-onnx", {"features": [FIRST]}),
        ("/predict-sklearn", {"features": [FIRST]}),
        ("/api/v1/models/iris/predict", {"rows": [FIRST]}),
        ("/api/v1/models/iris@canary/predict/", {"rows": [FIRST]}),
        ("/api/v1/models/iris/versions/2/predict", {"rows": [FIRST]}),
    ],
)
def test_each_route_gets_its_own_shape(path, first):
    bodies = bodies_for(path, ROWS)
    assert json.loads(bodies[0]) == first
    assert len(bodies) == len(ROWS)


def test_batch_routes_get_several_rows_a_request():
    (first, second) = (json.loads(body) for body in bodies_for("/batch-predict", ROWS))
    assert [r["features"] for r in first["requests"] + second["requests"]] == [
        list(r) for r in ROWS
    ]
    (first, second) = (json.loads(body) for body in bodies_for("/batch/async", ROWS))
    assert first["batch_features"] + second["batch_features"] == [list(r) for r in ROWS]


@pytest.mark.parametrize("path", ["/", "/predict-asynchronous", "/api/v1/models/churn/predict"])
def test_unknown_routes_have_no_bodies(path):
    assert bodies_for(path, ROWS) is None


def test_rows_are_many_different_ones_within_the_iris_ranges():
    rows = iris_rows(2000, Random(1))
    assert len(set(rows)) > 1500
    for column, (low, high) in zip(zip(*rows, strict=True), IRIS_RANGES, strict=True):
        assert low <= min(column) < max(column) <= high
    assert iris_rows(50, Random(1)) == rows[:50]


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ('{"a": 1}\n\n  {"a":  2}  \n', (b'{"a": 1}', b'{"a":  2}')),
        ('[{"a": 1.50}, {"a": 2}]', (b'{"a": 1.50}', b'{"a": 2}')),
        ("[1, 2]\n[3, 4]\n", (b"[1, 2]", b"[3, 4]")),
        ('{"a": "\u00fc"}', ('{"a": "\u00fc"}'.encode(),)),
    ],
)
def test_a_file_holds_lines_or_one_list(tmp_path, text, bodies):
    file = tmp_path / "bodies.json"
    file.write_text(text)
    assert read_bodies(file) == bodies


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1}\n{"a": \n', r"line 2, is not JSON"),
        ("[" * 100_000, r"line 1, is not JSON"),
        ("", r"holds no body"),
        ("[]", r"holds no body"),
        ("\n \n", r"holds no body"),
        ("features\n5.1\n", r"line 1, is not JSON"),
    ],
)
def test_an_unusable_file_is_refused_in_one_line(tmp_path, text, reason):
    file = tmp_path / "bodies.json"
    file.write_text(text)
    with pytest.raises(UnusableBodies, match=reason) as refused:
        read_bodies(file)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused_in_one_line(tmp_path):
    with pytest.raises(UnusableBodies, match="No such file"):
        read_bodies(tmp_path / "missing.json")
