"""What goes to the process that opens files of strangers, and what comes back; large things are
files in its folder. Light: nothing here opens a model.
"""

from typing import Any, Literal

import msgspec

from modelregistry.conversion.budget import DEFAULT_BUDGET, Budget
from modelregistry.conversion.options import NO_OPTIONS, Options
from modelregistry.formats.runtime import ClassLabel, Task
from modelregistry.formats.signature import Signature
from modelregistry.intake.tables.columns import MOST_BYTES, MOST_CELLS

MODULE = "modelregistry.ingestion.child"
# Names in its folder: what it is given, and what it leaves there.
MODEL, TABLE, SAMPLES, HELDOUT = "model", "table", "samples.json", "heldout.json"
FORM, RESAVED, ROWS, PROOF = "form.onnx", "resaved", "rows", "proof"
MOST_PACKED = MOST_BYTES + 16 * MOST_CELLS
LARGEST = {
    FORM: 512 * 2**20,
    RESAVED: 256 * 2**20,
    ROWS: MOST_PACKED,
    PROOF: MOST_PACKED,
}
"""Bytes of each file that is taken from the folder."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model is in MODEL; rows are a file of a stranger's in TABLE, or ours in SAMPLES."""

    table: bool = False
    target: str | None = None  # the table's column of answers
    samples: bool = False
    heldout: bool = False
    budget: Budget = DEFAULT_BUDGET
    options: Options = NO_OPTIONS
    pickle: bool = False  # open a pickle, which runs what it says, and save it anew: no more


class Table(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """There is no model: the rows of the stranger's file in TABLE are wanted."""

    target: str | None  # its column of answers


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The file is not taken; says why in plain words."""

    reason: str
    pickled: bool = False  # it is a pickle, and was not opened


class Resaved(msgspec.Struct, frozen=True, tag=True):
    """A pickle was opened; what it goes on as is in RESAVED, a stranger's file like any other."""


class Read(msgspec.Struct, frozen=True, tag=True):
    """The rows of a table are in ROWS, packed."""


class Form(msgspec.Struct, frozen=True):
    """What a conversion came to; the ONNX form is in FORM where there is one."""

    kept: bool
    signature: Signature
    parity: dict[str, Any]  # a ParityReport as it is kept
    reason: str


class Described(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the file is and does; rows, in the model's order, are packed in ROWS and in PROOF, those
    that were held out. Of rows that were made there is one.
    """

    format: Literal["skops", "onnx"]
    task: Task
    signature: Signature
    classes: tuple[ClassLabel, ...] | None
    samples: bool
    heldout: bool
    rows_from: str
    metrics: dict[str, float]
    form: Form | None  # None: it came as ONNX


Asked = Request | Table
Verdict = Refused | Resaved | Described | Read
