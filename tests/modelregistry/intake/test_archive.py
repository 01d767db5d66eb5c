"""A .skops archive is read before skops opens it; what skops writes passes, whatever it holds."""

import io
import zipfile

import pytest
import scipy.sparse
import skops.io
from sklearn.base import BaseEstimator
from sklearn.neighbors import KNeighborsClassifier

from modelregistry.errors import RefusedFile
from modelregistry.intake.archive import check_archive
from modelregistry.intake.recognise import accept
from tests.modelregistry.hostile import archives
from tests.modelregistry.hostile.corpus import OF_ARCHIVES, OF_NAMES, OPENED
from tests.modelregistry.hostile.good import skops_file, tree

REFUSED = {n: case for n, case in {**OF_NAMES, **OF_ARCHIVES}.items() if n not in OPENED}


def neighbours() -> BaseEstimator:
    """Keeps its rows as a sparse matrix, which lies in the file as an archive of its own."""
    rows = scipy.sparse.random(30, 5, density=0.5, format="csr", random_state=0)
    return KNeighborsClassifier(algorithm="brute").fit(rows, [0, 1] * 15)


@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
@pytest.mark.parametrize("model", [tree(), neighbours()], ids=["tree", "neighbours"])
def test_what_skops_writes_passes_however_it_is_compressed(
    model: BaseEstimator, method: int
) -> None:
    assert accept(skops.io.dumps(model, compression=method)) == "skops"


def test_bytes_in_an_estimator_pass() -> None:
    model = tree().__class__(random_state=0)
    model.note_ = b"as they are"
    check_archive(skops.io.dumps(model))


def test_an_archive_written_byte_by_byte_passes() -> None:
    check_archive(archives.written(archives.members()))


@pytest.mark.parametrize("name", REFUSED)
def test_what_skops_would_not_write_is_refused(name: str) -> None:
    with pytest.raises(RefusedFile, match=REFUSED[name].words):
        accept(REFUSED[name].build())


def test_an_archive_cut_anywhere_is_refused_as_damaged() -> None:
    data = skops_file()
    for length in range(4, len(data), 997):
        with pytest.raises(RefusedFile, match="damaged"):
            accept(data[:length])


def test_of_any_byte_changed_comes_a_refusal_or_nothing() -> None:
    data, refused = bytearray(skops_file()), 0
    for place in range(0, len(data), 101):
        data[place] ^= 0xFF
        try:
            accept(bytes(data))
        except RefusedFile:
            refused += 1
        data[place] ^= 0xFF
    assert refused > 100


def test_an_ordinary_archive_is_told_what_is_wanted() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("docs/readme.txt", "no model")
    with pytest.raises(RefusedFile, match=r"without a skops schema.*\.skops or an \.onnx"):
        accept(buffer.getvalue())
