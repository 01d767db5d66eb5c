"""An ONNX model whose rows say how long a run takes and whether it fails, and who serves it.

A row is (a, b, length, poison); its answer is (a, b) times what the version multiplies by, exactly,
and, as another output, that with the other sign. A run with a row of length 777 takes a second of a
processor, of 778 two and a half, and one with a row whose poison is 666 fails.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import thread_time

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

from modelregistry.formats.signature import Tensor
from tests.running import manage

POISON = 666.0
LONG, LONGER = 777.0, 778.0
SECONDS = {LONG: 1.0, LONGER: 2.5}
TRIED_PRODUCTS = 200
SIDE = 256  # of the matrices whose products are the work

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


@cache
def products_in_a_second() -> float:
    """Of this machine's processor, at its best."""
    model = onnx_of(1, TRIED_PRODUCTS, a_second=0)
    return TRIED_PRODUCTS / min(_ran_s(model) for _ in range(3))


def _ran_s(model: bytes) -> float:
    """Of the thread's own time, which a busy machine does not use up."""
    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(model, options)
    began = thread_time()
    session.run(None, {"X": np.zeros((1, 4), np.float32)})
    return thread_time() - began


def onnx_of(times: int, idle_work: int, *, a_second: float | None = None) -> bytes:
    """`a_second` is how many products of matrices take that long."""
    products = products_in_a_second() if a_second is None else a_second
    tensors: dict[str, Tensor] = {
        "zero": np.array(0, np.float32),
        "longs": np.array([*SECONDS], np.float32),
        "much": np.array([products * seconds for seconds in SECONDS.values()], np.int64),
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
        node("Equal", ["length", "longs"], ["is_long"]),
        node("Cast", ["is_long"], ["ones"], to=TensorProto.INT64),
        node("Mul", ["ones", "much"], ["works"]),
        node("ReduceMax", ["works"], ["more"], keepdims=0),
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
