"""The first look at a file, which opens no model and needs no scikit-learn: most of what is no
model ends here. Runs in the confined child, on files in the folder it works in.
"""

from pathlib import Path

from modelregistry.ingestion import wire
from modelregistry.intake.onnx_gate import check_onnx
from modelregistry.intake.recognise import PICKLES, accept, recognise


def glance(request: wire.Request) -> None:
    """Raises RefusedFile for what is no model that is taken."""
    data = Path(wire.MODEL).read_bytes()
    if request.pickle and is_pickle():
        return
    if accept(data) == "onnx":
        check_onnx(data)


def is_pickle() -> bool:
    return recognise(Path(wire.MODEL).read_bytes()) in PICKLES
