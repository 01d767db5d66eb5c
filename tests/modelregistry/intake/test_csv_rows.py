"""Sample rows from CSV: numbers, text, gaps, targets, and what is wrong with them."""

import pytest

from modelregistry.errors import RefusedFile
from modelregistry.intake.tables import read_csv


def test_numbers_text_and_gaps_are_told_apart() -> None:
    rows = read_csv(b"\xef\xbb\xbfsize, kind ,count\n1.5,a,3\n,b,4\n")
    assert rows.columns == ("size", "kind", "count")
    assert rows.values == ((1.5, "a", 3), (None, "b", 4))
    assert rows.targets is None


def test_a_column_with_one_word_is_text_throughout() -> None:
    assert read_csv(b"code\n12\nx3\n").values == (("12",), ("x3",))


def test_the_target_column_is_taken_out() -> None:
    rows = read_csv(b"a,y,b\n1,no,2\n3,yes,4\n", target="y")
    assert (rows.columns, rows.values, rows.targets) == (
        ("a", "b"),
        ((1, 2), (3, 4)),
        ("no", "yes"),
    )


@pytest.mark.parametrize(
    ("data", "target", "said"),
    [
        (b"", None, "header line"),
        (b"a,b\n", None, "at least one row"),
        (b"a,b\n1,2\n3\n", None, "Line 3 of the sample rows has 1 cells, not 2"),
        (b"a\n\xff\xfe\n", None, "UTF-8"),
        (b"a\n1\n", "y", "no column y"),
        (b"a,y\n1,2\n3,\n", "y", "Every sample row needs a target"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, target: str | None, said: str) -> None:
    with pytest.raises(RefusedFile, match=said):
        read_csv(data, target=target)
