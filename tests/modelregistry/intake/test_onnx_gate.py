"""An ONNX file holds standard operators and all its weights, wherever they hide."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import skl2onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from modelregistry.errors import RefusedFile
from modelregistry.intake import onnx_gate
from modelregistry.intake.onnx_gate import check_onnx, class_labels
from tests.modelregistry.hostile import onnx_models


def plain() -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.ones(2, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "w"], ["b"])],
        "plain",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, ["n", 2])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def elsewhere() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.ones(2, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return tensor


def in_an_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(elsewhere())


def in_a_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=elsewhere()))


def in_a_sparse_initializer(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(elsewhere())


def in_a_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [elsewhere()])
    deeper = helper.make_graph(
        [helper.make_node("If", ["q"], ["r"], then_branch=branch, else_branch=branch)],
        "deeper", [], [],
    )  # fmt: skip
    model.graph.node.append(
        helper.make_node("If", ["q"], ["r"], then_branch=deeper, else_branch=deeper)
    )


def in_a_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=elsewhere())
    model.functions.append(
        helper.make_function("", "mine", [], ["c"], [node], [helper.make_opsetid("", 21)])
    )


def in_a_functions_default(model: onnx.ModelProto) -> None:
    made = helper.make_function("", "mine", [], ["c"], [], [helper.make_opsetid("", 21)])
    made.attribute_proto.append(helper.make_attribute("w", elsewhere()))
    model.functions.append(made)


def in_training(model: onnx.ModelProto) -> None:
    model.training_info.add().initialization.initializer.append(elsewhere())


@pytest.mark.parametrize(
    "hide",
    [
        in_an_initializer, in_a_constant, in_a_sparse_initializer, in_a_branch, in_a_function,
        in_a_functions_default, in_training,
    ],
)  # fmt: skip
def test_weights_in_other_files_are_refused(hide: Callable[[onnx.ModelProto], None]) -> None:
    model = plain()
    hide(model)
    with pytest.raises(RefusedFile, match="other files") as refused:
        check_onnx(model.SerializeToString())
    assert "passwd" not in str(refused.value)


def test_operators_outside_the_standard_are_refused() -> None:
    model = plain()
    model.graph.node[0].domain = "com.microsoft"
    with pytest.raises(RefusedFile, match=r"com\.microsoft"):
        check_onnx(model.SerializeToString())


@pytest.mark.parametrize(
    "build", [onnx_models.function_of_a_foreign_domain, onnx_models.foreign_domain_in_a_function]
)
def test_a_models_own_functions_are_held_to_the_standard_too(build: Callable[[], bytes]) -> None:
    with pytest.raises(RefusedFile, match=r"outside the standard: evil\."):
        check_onnx(build())


def test_a_file_that_is_too_large_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_gate, "MOST_BYTES", 2**20)
    with pytest.raises(RefusedFile, match="more than 1 MB"):
        check_onnx(bytes(2**20 + 1))


def test_nodes_are_counted_over_all_graphs_and_functions() -> None:
    node, half = helper.make_node("Identity", ["a"], ["z"]), onnx_gate.MOST_NODES // 2 + 1
    branch = helper.make_graph([node] * half, "b", [], [])
    model = plain()
    model.graph.node.append(helper.make_node("If", ["q"], ["r"], then_branch=branch))
    assert check_onnx(model.SerializeToString()).graph.name == "plain"
    opsets = [helper.make_opsetid("", 21)]
    model.functions.append(helper.make_function("", "F", ["a"], ["z"], [node] * half, opsets))
    with pytest.raises(RefusedFile, match="more than 100,000 nodes"):
        check_onnx(model.SerializeToString())


def test_graphs_may_be_nested_as_exporters_do_and_no_deeper() -> None:
    assert check_onnx(onnx_models.nested(onnx_gate.DEEPEST))
    with pytest.raises(RefusedFile, match="nested more than 16 deep"):
        check_onnx(onnx_models.nested(onnx_gate.DEEPEST + 1))


def test_a_plain_model_passes() -> None:
    assert check_onnx(plain().SerializeToString()).graph.name == "plain"


def test_a_damaged_file_is_refused() -> None:
    with pytest.raises(RefusedFile, match="damaged"):
        check_onnx(plain().SerializeToString()[:-7])


@pytest.mark.parametrize("labels", [("no", "yes"), (3, 7)])
def test_class_labels_are_found(labels: tuple[object, object]) -> None:
    model = LogisticRegression().fit([[0.0], [1.0]], labels)
    exported = skl2onnx.to_onnx(model, np.zeros((1, 1), np.float32), options={"zipmap": False})
    assert class_labels(exported) == labels


def test_a_model_without_classes_has_no_labels() -> None:
    assert class_labels(plain()) is None
