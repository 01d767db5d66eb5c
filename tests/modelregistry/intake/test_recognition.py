"""What a file is, by its content; what we refuse, and how."""

import bz2
import gzip
import io
import pickle
import zipfile
import zlib

import joblib
import numpy as np
import pytest
import skl2onnx
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from modelregistry.errors import RefusedFile
from modelregistry.formats.skops_format import save_estimator
from modelregistry.intake.recognise import accept, check_start, recognise

MODEL = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
ONNX = skl2onnx.to_onnx(MODEL, np.zeros((1, 1), np.float32)).SerializeToString()


def joblib_file(compress: object = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(MODEL, buffer, compress=compress)
    return buffer.getvalue()


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "no model")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (save_estimator(MODEL), "skops"),
        (ONNX, "onnx"),
        *[(pickle.dumps(MODEL, protocol), "pickle") for protocol in range(6)],
        (joblib_file(), "pickle"),
        (joblib_file(3), "compressed"),
        (joblib_file(("gzip", 3)), "compressed"),
        (gzip.compress(b"x", mtime=0), "compressed"),
        (bz2.compress(b"x"), "compressed"),
        (zlib.compress(b"x", 9), "compressed"),
        (a_zip(), "archive"),
        (b"", "empty"),
        (b"<html>not found</html>", "text"),
        (b'{"a": 1}', "text"),
        (ONNX[: len(ONNX) // 2], "unknown"),
        (bytes(range(256)), "unknown"),
    ],
)
def test_a_file_is_known_by_its_content(data: bytes, kind: str) -> None:
    assert recognise(data) == kind


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    assert recognise(data) in {
        "skops", "onnx", "pickle", "compressed", "archive", "text", "empty", "unknown",
    }  # fmt: skip


@pytest.mark.parametrize("data", [save_estimator(MODEL), ONNX])
def test_however_little_has_come_of_a_model_it_may_go_on(data: bytes) -> None:
    for here in range(4, len(data)):
        check_start(data[:here], whole=False)
    check_start(data, whole=True)


@pytest.mark.parametrize("data", [joblib_file(), joblib_file(3), pickle.dumps(MODEL, 0)])
def test_a_pickle_is_refused_with_the_two_lines_that_export_skops(data: bytes) -> None:
    with pytest.raises(RefusedFile) as refused:
        accept(data)
    assert "import skops.io\nskops.io.dump(model, 'model.skops')" in str(refused.value)


def test_both_formats_are_accepted() -> None:
    assert (accept(save_estimator(MODEL)), accept(ONNX)) == ("skops", "onnx")
