"""ONNX files become runtimes, or are refused with a reason."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelregistry.formats.onnx_format import open_onnx
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.signature import Signature


def doubling(shape: list[int | str | None], kind: int = TensorProto.FLOAT) -> bytes:
    """A model that adds its input to itself."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "a"], ["b"])],
        "doubling",
        [helper.make_tensor_value_info("a", kind, shape)],
        [helper.make_tensor_value_info("b", kind, shape)],
    )
    opset = [helper.make_opsetid("", 21)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()


def test_a_models_signature_is_read_from_the_file() -> None:
    signature = open_onnx(doubling(["n", 3])).signature
    assert signature == Signature.from_json(
        {
            "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1, 3]}],
            "outputs": [{"name": "b", "datatype": "FP32", "shape": [-1, 3]}],
            "columns": ["a0", "a1", "a2"],
        }
    )


def test_a_column_input_gives_its_name_to_its_column() -> None:
    assert open_onnx(doubling([None, 1], TensorProto.DOUBLE)).signature.columns == ("a",)


def test_it_runs_and_answers_the_outputs_asked_for() -> None:
    runtime = open_onnx(doubling(["n", 2]))
    rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    (doubled,) = runtime.run({"a": rows}, ["b"])
    assert doubled.tolist() == [[2, 4], [6, 8], [10, 12]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (doubling([1, 3]), "free first dimension"),
        (doubling(["n", "m"]), "how many values a row has"),
        (b"", "cannot load"),
        (b"\x08\x0a\xff\xff", "cannot load"),
        (doubling(["n", 3])[:-20], "cannot load"),
    ],
)
def test_what_cannot_be_asked_rows_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(FormatError, match=said) as refused:
        open_onnx(data)
    assert "/" not in str(refused.value)


def test_a_classifier_with_zipmap_is_refused_with_the_remedy() -> None:
    import skl2onnx
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    data = skl2onnx.to_onnx(model, np.zeros((1, 1), np.float32)).SerializeToString()
    with pytest.raises(FormatError, match="zipmap off"):
        open_onnx(data)


def test_an_operator_nobody_knows_is_refused() -> None:
    model = onnx.ModelProto.FromString(doubling(["n", 2]))
    model.graph.node[0].op_type = "Frobnicate"
    with pytest.raises(FormatError, match="Frobnicate"):
        open_onnx(model.SerializeToString())
