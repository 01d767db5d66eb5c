"""An ONNX model whose rows say how long a run takes and whether it fails, and who serves it.

A row is (a, b, length, poison); its answer is (a, b) times what the version multiplies by, exactly,
and, as another output, that with the other sign. A run with a row whose length is 777 takes about a
second, one with a row whose poison is 666 fails.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from modelregistry.formats.signature import Tensor
from tests.running import manage

POISON = 666.0
LONG = 777.0
LONG_WORK = 3000  # products of matrices: about 0.3 ms each
SIDE = 256

REGISTER = """
from pathlib import Path
from modelregistry import services

for name, files, settings in {models!r}:
    services.create_model(name=name, task="transform", visibility="public")
    versions = [
        services.register_version(model_name=name, data=Path(file).read_bytes()) for file in files
    ]
    services.promote(version=versions[0])
    services.change_model(name=name, changes=settings)
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A model to be served: its versions' files, of which the first serves, and its settings."""

    name: str
    files: Sequence[bytes]
    settings: Mapping[str, object] = field(default_factory=dict)


def register(data_dir: Path, *models: Served) -> None:
    """Make them in an installation, open to everybody."""
    made = [(each.name, _written(data_dir, each), dict(each.settings)) for each in models]
    done = manage(data_dir, "shell", "-v0", "-c", REGISTER.format(models=made))
    assert done.returncode == 0, done.stderr


def _written(folder: Path, model: Served) -> list[str]:
    paths = [folder / f"{model.name}-{at}.onnx" for at, _ in enumerate(model.files)]
    for path, file in zip(paths, model.files, strict=True):
        path.write_bytes(file)
    return [str(path) for path in paths]


def files(versions: int = 1, *, idle_work: int = 20) -> list[bytes]:
    """Of versions that multiply by 2, 3 and so on. `idle_work` is what every run takes: by default
    so much that no run is one for the event loop.
    """
    return [onnx_of(version + 1, idle_work) for version in range(1, versions + 1)]


def answer(rows: Sequence[Sequence[float]], *, version: int = 1) -> list[list[float]]:
    """What that version predicts for the rows."""
    return [[(version + 1) * row[0], (version + 1) * row[1]] for row in rows]


def onnx_of(times: int, idle_work: int) -> bytes:
    tensors: dict[str, Tensor] = {
        "zero": np.array(0, np.float32),
        "long": np.array(LONG, np.float32),
        "much": np.array(LONG_WORK, np.int64),
        "idle": np.array(idle_work, np.int64),
        "eye": np.eye(SIDE, dtype=np.float32),
        "poison": np.array(POISON, np.float32),
        "table": np.zeros(1, np.float32),
        "times": np.array(times, np.float32),
        "ends": np.array([2, 1, 1], np.int64),
    }
    graph = helper.make_graph(
        _nodes(),
        "steered",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", 4])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2])
            for name in ("value", "negative")
        ],
        [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
    )
    opset = [helper.make_opsetid("", 21)]
    made: bytes = helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
    return made


def _nodes() -> list[NodeProto]:
    node = helper.make_node
    return [
        node("Split", ["X", "ends"], ["ab", "length", "bad"], axis=1),
        node("Equal", ["length", "long"], ["is_long"]),
        node("Cast", ["is_long"], ["ones"], to=TensorProto.INT64),
        node("ReduceMax", ["ones"], ["one"], keepdims=0),
        node("Mul", ["one", "much"], ["more"]),
        node("Add", ["more", "idle"], ["trips"]),
        node("Loop", ["trips", "", "eye"], ["worked"], body=_work()),
        node("ReduceSum", ["worked"], ["sum"], keepdims=0),
        node("Mul", ["sum", "zero"], ["nothing"]),
        node("Equal", ["bad", "poison"], ["poisoned"]),
        node("Cast", ["poisoned"], ["place"], to=TensorProto.INT64),
        node("Gather", ["table", "place"], ["fails"]),  # the table has no second place
        node("Mul", ["ab", "times"], ["multiplied"]),
        node("Add", ["multiplied", "nothing"], ["steady"]),
        node("Add", ["steady", "fails"], ["value"]),
        node("Neg", ["value"], ["negative"]),
    ]


def _work() -> object:
    value = helper.make_tensor_value_info
    return helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["on"]),
            helper.make_node("MatMul", ["before", "eye"], ["after"]),
        ],
        "work",
        [
            value("turn", TensorProto.INT64, []),
            value("going", TensorProto.BOOL, []),
            value("before", TensorProto.FLOAT, [SIDE, SIDE]),
        ],
        [value("on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, [SIDE, SIDE])],
    )
