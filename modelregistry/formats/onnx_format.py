"""ONNX models in memory: the only file that knows ONNX Runtime."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread, get_ident
from time import clock_gettime, pthread_getcpuclockid

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from modelregistry.formats.runtime import ClassLabel, FormatError, RowsRefused
from modelregistry.formats.signature import Datatype, Signature, Tensor, TensorSpec

DATATYPES: dict[str, Datatype] = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
UNKNOWN_CATEGORY = "Unknown Category"  # what an encoder says that was told to be strict
NO_MEMORY = ("bad_alloc", "Failed to allocate memory")
QUIET = 4  # only what is fatal; everything else reaches us as an exception
UNLOADABLE = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.EPFail,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
)
UNRUNNABLE = (*UNLOADABLE, ValueError)
MOST_VALUES = 100_000  # of one row in one input
LOOKS_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """An ONNX Runtime session; it is safe to run from several threads at once."""

    session: ort.InferenceSession
    signature: Signature
    classes: tuple[ClassLabel, ...] | None

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        return self._run(inputs, outputs, None)

    def run_within(
        self, cpu_s: float, inputs: Mapping[str, Tensor], outputs: Sequence[str]
    ) -> list[Tensor]:
        """The same for a model that may never come to an end; raises TimeoutError when it has taken
        `cpu_s` seconds of this thread's computing. Of a session with one thread.
        """
        options = ort.RunOptions()
        with _ended_after(cpu_s, options) as ended:
            try:
                return self._run(inputs, outputs, options)
            except FormatError as error:
                if ended.is_set():
                    raise TimeoutError from error
                raise

    def _run(
        self,
        inputs: Mapping[str, Tensor],
        outputs: Sequence[str],
        options: ort.RunOptions | None,
    ) -> list[Tensor]:
        try:
            answers: list[Tensor] = self.session.run(outputs, inputs, options)
        except UNRUNNABLE as error:
            if UNKNOWN_CATEGORY in str(error):
                raise RowsRefused from error
            raise FormatError(f"ONNX Runtime cannot run it: {_plain(error)}") from error
        return answers


@contextmanager
def _ended_after(cpu_s: float, options: ort.RunOptions) -> Iterator[Event]:
    """A run with these options ends once this thread has computed for so long; then it is set."""
    clock = pthread_getcpuclockid(get_ident())
    until = clock_gettime(clock) + cpu_s
    over, ended = Event(), Event()

    def watch() -> None:
        while not over.wait(LOOKS_EVERY_S):
            if clock_gettime(clock) > until:
                ended.set()
                options.terminate = True
                return

    watcher = Thread(target=watch, name="ends a run", daemon=True)
    watcher.start()
    try:
        yield ended
    finally:
        over.set()
        watcher.join()


def open_onnx(
    data: bytes,
    *,
    signature: Signature | None = None,
    classes: tuple[ClassLabel, ...] | None = None,
    threads: int = 1,
) -> OnnxRuntime:
    """A session over `data`. Without `signature` it is read from the model itself.

    Raises FormatError where ONNX Runtime cannot load it or a batch of rows cannot be put to it.
    """
    try:
        session = ort.InferenceSession(data, _options(threads), providers=["CPUExecutionProvider"])
    except UNLOADABLE as error:
        raise FormatError(f"ONNX Runtime cannot load it: {_plain(error)}") from error
    return OnnxRuntime(session, signature or _read_signature(session), classes)


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False  # an arena keeps the largest batch for ever
    options.log_severity_level = QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _plain(error: Exception) -> str:
    """The runtime's message without its prefix, source paths, C++ and line breaks."""
    if any(word in str(error) for word in NO_MEMORY):
        return "it needs more memory than there is."
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error))
    text = re.sub(r"\S*/\S+\.(cc|h):\d+ ", "", text)
    text = re.sub(
        r"Non-zero status .* running (\w+) node\. Name:'\S*' Status Message: ", r"\1: ", text
    )
    text = re.sub(r"^(\S+ )?onnxruntime::[\w:~]+\(.*?\) (?=[A-Z])", "", text)
    return " ".join(text.split())[:300]


def _read_signature(session: ort.InferenceSession) -> Signature:
    inputs = tuple(_input(argument) for argument in session.get_inputs())
    outputs = tuple(_spec(argument) for argument in session.get_outputs())
    if not inputs or not outputs:
        raise FormatError("it has no inputs, or no outputs.")
    return Signature(inputs=inputs, outputs=outputs, columns=_columns(inputs))


def _input(argument: ort.NodeArg) -> TensorSpec:
    """The input as a spec. Raises FormatError where it does not take any number of rows."""
    spec = _spec(argument)
    if not argument.shape:
        raise FormatError(f"its input {spec.name} has no dimension for rows.")
    if isinstance(argument.shape[0], int):
        raise FormatError(
            f"its input {spec.name} takes a fixed number of rows; export it with a free first "
            "dimension."
        )
    if any(size < 1 for size in spec.shape[1:]):
        raise FormatError(f"its input {spec.name} does not say how many values a row has.")
    if spec.width > MOST_VALUES:
        raise FormatError(f"its input {spec.name} takes over {MOST_VALUES} values a row.")
    return spec


def _spec(argument: ort.NodeArg) -> TensorSpec:
    if argument.type not in DATATYPES:
        raise FormatError(
            f"{argument.name} is a {argument.type}, not a tensor; export classifiers with zipmap "
            "off."
        )
    inner = (size if isinstance(size, int) else -1 for size in argument.shape[1:])
    return TensorSpec(name=argument.name, datatype=DATATYPES[argument.type], shape=(-1, *inner))


def _columns(inputs: tuple[TensorSpec, ...]) -> tuple[str, ...]:
    """One name for every value of a row: x0, x1, ... for a wide input, else the input's own."""
    names: list[str] = []
    for spec in inputs:
        wide = [f"{spec.name.lower()}{index}" for index in range(spec.width)]
        names.extend(wide if spec.width > 1 else [spec.name])
    return tuple(names)
