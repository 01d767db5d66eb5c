"""What the first bytes of a file give away is said at once: then no version waits for a check."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from jobs.models import Job
from modelregistry import services
from modelregistry.errors import RefusedFile, RefusedRows
from modelregistry.models import ModelVersion, RegisteredModel
from tests.modelregistry.trained import onnx_file, tree_file

pytestmark = [pytest.mark.django_db, pytest.mark.database]
CSV = b"a,b,c,d,kind\n" + b"5.1,3.5,1.4,0.2,0\n" * 150


@pytest.fixture
def plants() -> RegisteredModel:
    return services.create_model(name="plants", task="")


def pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


def handed_in(data: bytes | None = None, **facts: Any) -> ModelVersion:
    whole = tree_file() if data is None else data
    given = services.Upload(source=pieces(whole), **{"metadata": {}, **facts})
    return services.hand_in(model_name="plants", upload=given, actor=None)


HTML = b"<!doctype html><title>Sign in</title>" + b" " * 2_000_000
PICKLE = b"\x80\x04" + bytes(2_000_000)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"data": b""}, "The file is empty"),
        ({"data": HTML}, "This is a text file"),
        ({"data": PICKLE}, "This is a pickle or joblib file"),
        ({"data": b"\x1f\x8b" + bytes(2_000_000)}, "This is a compressed file"),
        ({"data": bytes(2_000_000)}, "This is no file we know"),
        ({"data": onnx_file()[:500]}, "This is no file we know"),
        ({"samples": CSV, "target": "colour"}, "have no column colour"),
        ({"samples": CSV * 500, "target": "colour"}, "have no column colour"),
        ({"samples": b'{"a": 1, "kind": 0}\n', "target": "colour"}, "have no column colour"),
        ({"samples": b"a,b,a\n1,2,3\n"}, "columns 1 and 3 have the same name"),
        ({"samples": b"[[1, 2]]"}, "one object a line"),
        ({"samples": b"\xff\xfea\n"}, "no CSV text"),
    ],
)
def test_what_its_first_bytes_give_away_gets_no_number(
    plants: RegisteredModel, facts: dict[str, Any], said: str
) -> None:
    kept = set(services.store().names())
    if "samples" in facts:
        facts = {**facts, "samples": pieces(facts["samples"])}
    with pytest.raises(RefusedFile, match=said) as refused:
        handed_in(**facts)
    assert isinstance(refused.value, RefusedRows) == ("samples" in facts)
    assert (ModelVersion.objects.count(), Job.objects.count()) == (0, 0)
    assert set(services.store().names()) == kept


@pytest.mark.parametrize(
    "rows",
    [b"a" * 2_000_000, b'{"a": "' + b"x" * 2_000_000, b"PAR1" + bytes(2_000_000), b"\n\n", b""],
)
def test_what_its_first_bytes_do_not_tell_is_left_to_the_check(
    plants: RegisteredModel, rows: bytes
) -> None:
    handed_in(b"PK\x03\x04" + bytes(2_000_000), samples=pieces(rows), target="colour")
    version = handed_in(onnx_file() * 40)
    assert services.store().read(version.source_sha256) == onnx_file() * 40


def test_what_a_parquet_file_lacks_is_said_by_the_check(plants: RegisteredModel) -> None:
    out = BytesIO()
    parquet.write_table(pa.table({"a": [1, 2], "kind": [0, 1]}), out)
    version = handed_in(samples=pieces(out.getvalue()), target="colour")
    assert services.ingest(version=version).reason == "The sample rows have no column colour."
