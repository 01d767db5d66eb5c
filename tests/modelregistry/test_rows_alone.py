"""A model that came as ONNX answers each row by itself, and in time, or it is refused: in a batch,
rows of different callers stand beside each other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, helper
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from modelregistry import services
from modelregistry.errors import RefusedFile
from modelregistry.formats.onnx_format import OnnxRuntime, open_onnx
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import TensorSpec
from modelregistry.ingestion import trying
from modelregistry.ingestion.alone import MOST_ROWS, dependent_output, varied_rows
from modelregistry.ingestion.trying import try_onnx
from modelregistry.models import ModelVersion
from tests.modelregistry.hostile.onnx_models import endless_loop
from tests.modelregistry.onnx_files import doubling, looking_up, onnx_file

TWO = Rows(columns=("a0", "a1"), values=((1.0, 2.0), (3.0, 5.0), (-4.0, 0.5)))
BESIDE = "changes with the rows beside it"


def of_two(*nodes: NodeProto, **constants: np.ndarray) -> bytes:
    return onnx_file(list(nodes), inputs={"a": ["n", 2]}, output=["n", 2], constants=constants)


def adding_up() -> bytes:
    """Each row with all before it."""
    return of_two(helper.make_node("CumSum", ["a", "axis"], ["value"]), axis=np.array(0, np.int64))


def centred() -> bytes:
    """Each row without the mean of all."""
    mean = helper.make_node("ReduceMean", ["a", "axis"], ["mean"], keepdims=1)
    rest = helper.make_node("Sub", ["a", "mean"], ["value"])
    return of_two(mean, rest, axis=np.array([0], np.int64))


def turned() -> bytes:
    """The rows in the opposite order."""
    nodes = helper.make_node("Slice", ["a", "last", "first", "axis", "back"], ["value"])
    return of_two(
        nodes,
        last=np.array([-1]), first=np.array([-(2**31)]), axis=np.array([0]), back=np.array([-1]),
    )  # fmt: skip


def faintly_beside() -> bytes:
    """Itself, and a hundred-thousandth of the mean of all."""
    mean = helper.make_node("ReduceMean", ["a", "axis"], ["mean"], keepdims=1)
    part = helper.make_node("Mul", ["mean", "little"], ["part"])
    both = helper.make_node("Add", ["a", "part"], ["value"])
    little = np.array(1e-5, np.float32)
    return of_two(mean, part, both, axis=np.array([0], np.int64), little=little)


def shared_out() -> bytes:
    """Each row, by how many there are: the same beside any others."""
    nodes = [
        helper.make_node("Shape", ["a"], ["shape"], start=0, end=1),
        helper.make_node("Cast", ["shape"], ["count"], to=1),
        helper.make_node("Div", ["a", "count"], ["value"]),
    ]
    return of_two(*nodes)


def beside_a_large_one() -> bytes:
    """A number that is no caller's, large, and the sum of all rows beside it."""
    nodes = [
        helper.make_node("ReduceSum", ["a", "all"], ["sum"], keepdims=1),
        helper.make_node("Mul", ["a", "none"], ["nothing"]),
        helper.make_node("Add", ["nothing", "large"], ["id"]),
        helper.make_node("Mul", ["sum", "second"], ["part"]),
        helper.make_node("Add", ["id", "part"], ["value"]),
    ]
    return of_two(
        *nodes, all=np.array([0, 1]), none=np.zeros(2, np.float32),
        large=np.array([1e9, 0], np.float32), second=np.array([0, 1], np.float32),
    )  # fmt: skip


def in_large_batches() -> bytes:
    """Itself, and one more where there are more rows than any test of a few has."""
    nodes = [
        helper.make_node("Shape", ["a"], ["shape"], start=0, end=1),
        helper.make_node("Greater", ["shape", "few"], ["many"]),
        helper.make_node("Cast", ["many"], ["one"], to=1),
        helper.make_node("Add", ["a", "one"], ["value"]),
    ]
    return of_two(*nodes, few=np.array([MOST_ROWS]))


@pytest.mark.parametrize(
    "build",
    [adding_up, centred, turned, faintly_beside, shared_out, beside_a_large_one, in_large_batches],
)
@pytest.mark.parametrize("samples", [TWO, None], ids=["samples", "no samples"])
def test_an_answer_that_rows_beside_it_change_is_refused(
    build: Callable[[], bytes], samples: Rows | None
) -> None:
    with pytest.raises(RefusedFile, match=f"output value .* {BESIDE}"):
        try_onnx(open_onnx(build()), samples)


def test_a_model_that_answers_no_row_alone_is_refused() -> None:
    pairs = of_two(
        helper.make_node("Reshape", ["a", "pairs"], ["two"]),
        helper.make_node("Reshape", ["two", "rows"], ["value"]),
        pairs=np.array([-1, 4]), rows=np.array([-1, 2]),
    )  # fmt: skip
    even = Rows(columns=TWO.columns, values=TWO.values[:2])
    with pytest.raises(RefusedFile, match="together, not one alone"):
        try_onnx(open_onnx(pairs), even)


def test_rows_of_zeros_hide_nothing() -> None:
    zeros = Rows(columns=TWO.columns, values=((0.0, 0.0), (0.0, 0.0)))
    with pytest.raises(RefusedFile, match=BESIDE):
        try_onnx(open_onnx(adding_up()), zeros)


@pytest.mark.parametrize(
    ("count", "apart"), [(n, by) for n in range(2, MOST_ROWS + 1) for by in range(1, n)]
)
def test_no_place_may_hear_of_another(count: int, apart: int) -> None:
    """Each row hears of the one so many places on: whichever two places those are."""
    spec = TensorSpec(name="value", datatype="FP64", shape=(-1, 1))
    rows = Rows(columns=("a",), values=tuple((float(n * n),) for n in range(count)))
    for hears in range(count):
        heard = (hears + apart) % count

        def ask(some: Rows, hears: int = hears, heard: int = heard) -> list[np.ndarray]:
            values = some.matrix()
            if len(values) == count:
                values[hears] += 1e-7 * values[heard]  # less than rounding may make of sums
            return [values]

        assert dependent_output(ask, rows, [spec]) == "value"


@pytest.mark.parametrize("build", [lambda: doubling(a=["n", 2]), lambda: looking_up(4)])
def test_a_model_that_answers_row_by_row_is_taken(build: Callable[[], bytes]) -> None:
    try_onnx(open_onnx(build()), None)


def test_what_sums_come_to_in_another_order_is_no_dependence() -> None:
    random = np.random.default_rng(0)
    rows = (10_000 + random.normal(size=(40, 8))).astype(np.float32)
    line = LinearRegression().fit(rows, random.normal(size=40))
    onnx = to_onnx(line, rows[:1])
    try_onnx(open_onnx(onnx.SerializeToString()), Rows.of(rows))


def test_a_forest_whose_votes_tie_is_taken() -> None:
    rows, targets = load_iris(return_X_y=True)
    rows = np.round(rows)  # a grid: many rows of several classes are the same
    forest = RandomForestClassifier(n_estimators=10, random_state=0).fit(rows, targets)
    onnx = to_onnx(forest, rows[:1].astype(np.float32), options={"zipmap": False})
    scores = np.sort(forest.predict_proba(rows), axis=1)
    tied = rows[np.argsort(scores[:, -1] - scores[:, -2])]
    try_onnx(open_onnx(onnx.SerializeToString()), Rows.of(tied))


def test_a_label_may_differ_only_where_scores_tie() -> None:
    outputs = (
        TensorSpec(name="label", datatype="INT64", shape=(-1,)),
        TensorSpec(name="scores", datatype="FP32", shape=(-1, 2)),
    )

    def answering(score: float) -> Callable[[Rows], list[Any]]:
        """Another label for whoever is alone."""

        def ask(rows: Rows) -> list[Any]:
            label = np.full(len(rows), int(len(rows) > 1))
            return [label, np.tile(np.array([score, 1 - score], np.float32), (len(rows), 1))]

        return ask

    assert dependent_output(answering(0.5), TWO, outputs) is None
    assert dependent_output(answering(0.6), TWO, outputs) == "label"


def test_rows_of_all_sorts_are_the_same_at_each_call_and_differ_from_each_other() -> None:
    signature = open_onnx(doubling(a=["n", 2])).signature
    rows = varied_rows(signature)
    assert rows == varied_rows(signature)
    assert len(set(rows.values)) == len(rows)


def test_a_model_that_never_answers_is_given_up_in_seconds() -> None:
    runtime = open_onnx(endless_loop())
    with pytest.raises(RefusedFile, match="more than 5 seconds of computing to answer a row"):
        try_onnx(runtime, None)


def test_samples_that_never_end_are_given_up_without_a_search_for_the_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trying, "SAMPLES_CPU_S", 0.2)
    runs: list[float] = []
    run_within = OnnxRuntime.run_within

    def counted(runtime: OnnxRuntime, cpu_s: float, *words: Any) -> Any:
        runs.append(cpu_s)
        return run_within(runtime, cpu_s, *words)

    monkeypatch.setattr(OnnxRuntime, "run_within", counted)
    with pytest.raises(RefusedFile, match=r"more than 0\.2 seconds of computing to answer 3 rows"):
        try_onnx(open_onnx(endless_loop()), TWO)
    assert runs == [0.2]


def test_an_answer_in_time_is_the_same_as_without_a_limit() -> None:
    runtime = open_onnx(doubling(a=["n", 2]))
    inputs = TWO.tensors(runtime.signature)
    (in_time,), (at_leisure,) = (
        runtime.run_within(5, inputs, ["value"]),
        runtime.run(inputs, ["value"]),
    )
    assert in_time.tolist() == at_leisure.tolist() == [[2, 4], [6, 10], [-8, 1]]


def test_a_model_without_a_number_to_say_is_refused() -> None:
    root = helper.make_node("Sqrt", ["minus"], ["value"])
    nodes = [helper.make_node("Neg", ["positive"], ["minus"]), root]
    nodes.insert(0, helper.make_node("Abs", ["a"], ["positive"]))
    with pytest.raises(RefusedFile, match="no finite answer to any of its first sample rows"):
        try_onnx(open_onnx(of_two(*nodes)), TWO)
    some = Rows(columns=TWO.columns, values=(*TWO.values, (0.0, 1.0)))
    try_onnx(open_onnx(of_two(*nodes)), some)


@pytest.mark.django_db
@pytest.mark.database
def test_nothing_is_kept_of_it() -> None:
    with pytest.raises(RefusedFile, match=BESIDE):
        services.register_version(model_name="sums", data=adding_up(), create_missing=True)
    assert not ModelVersion.objects.exists()
