"""Rows handed over as plain arrays come out as they went in, and lies about them are found."""

import tracemalloc

import msgspec
import pytest

from modelregistry.formats import packed
from modelregistry.formats.packed import MOST_HEADER, Header, pack
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError

MIXED = Rows(
    columns=("size", "kind", "größe", "sold"),
    values=(
        (1, "ä", 1.5, True),
        (None, "", 2, None),
        (2.5, "long and long", -(10**17), False),
        (-0.0, "ä", 0.1, True),
    ),
    targets=("yes", "no", "yes", "yes"),
)


def told(header: object, *parts: bytes) -> bytes:
    """As somebody hands it over who says what they like."""
    data = msgspec.json.encode(header)
    return b"".join([len(data).to_bytes(8, "little"), data, *parts])


def unpack(data: bytes, *, most_cells: int, most_columns: int = 5) -> Rows:
    return packed.unpack(data, most_cells=most_cells, most_columns=most_columns)


def words_of(rows: Rows) -> list[str]:
    return [repr(row) for row in rows.values]


def test_values_keep_their_kind_and_their_last_bit() -> None:
    again = unpack(pack(MIXED), most_cells=100)
    assert (again.columns, again.targets) == (MIXED.columns, MIXED.targets)
    assert words_of(again) == words_of(MIXED)


@pytest.mark.parametrize("targets", [None, (0, 1, 1), (0.5, 1, True)])
def test_targets_are_labels_of_any_kind_or_none(targets: tuple[float, ...] | None) -> None:
    rows = Rows(columns=("a",), values=((1.0,), (2.0,), (None,)), targets=targets)
    again = unpack(pack(rows), most_cells=10)
    assert repr(again) == repr(rows)


def test_whatever_is_cut_off_or_added_is_found() -> None:
    whole = pack(MIXED)
    for end in range(len(whole)):
        with pytest.raises((ValueError, msgspec.DecodeError)):
            unpack(whole[:end], most_cells=100)
    with pytest.raises(ValueError, match="longer"):
        unpack(whole + b"x", most_cells=100)


def test_more_cells_than_are_taken_are_not_looked_at() -> None:
    with pytest.raises(ValueError, match="more cells"):
        unpack(pack(MIXED), most_cells=19)  # targets are cells too


def test_more_columns_than_are_taken_are_not_looked_at() -> None:
    with pytest.raises(ValueError, match="more columns"):
        unpack(pack(MIXED), most_cells=20, most_columns=4)
    wide = told(Header(1, [("a", "numbers")] * 200_000, labelled=False))
    with pytest.raises(ValueError, match="more columns"):
        unpack(wide, most_cells=10**6, most_columns=10_001)


def test_a_header_as_long_as_the_file_is_not_decoded() -> None:
    names = told(Header(1, [("a", "numbers")] * (MOST_HEADER // 10), labelled=False))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="header is longer"):
            unpack(names, most_cells=10**9, most_columns=10**9)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000, peak


def test_names_too_long_for_a_header_are_refused_where_they_are_packed() -> None:
    rows = Rows(columns=("a" * MOST_HEADER,), values=((1.0,),))
    with pytest.raises(FormatError, match="names of its columns take more than 4 MB"):
        pack(rows)


def test_a_text_may_be_missing_wherever_it_is() -> None:
    rows = Rows(columns=("a", "b"), values=((None, "x"), ("", None), ("y", "x")))
    assert unpack(pack(rows), most_cells=6) == rows


def test_text_among_numbers_is_refused_where_it_is_packed() -> None:
    for values in (((1,), ("a",)), (("a",), (1,)), (("a",), (True,))):
        with pytest.raises(FormatError, match="column a mixes text with numbers"):
            pack(Rows(columns=("a",), values=values))


def test_what_is_no_finite_number_is_missing_and_a_long_one_a_float() -> None:
    odd = (float("nan"), float("inf"), -float("inf"), 2**63, -(2**63), 2**64 - 1)
    rows = Rows(columns=("a",), values=tuple((value,) for value in odd))
    again = unpack(pack(rows), most_cells=6)
    expected = (None, None, None, float(2**63), -(2**63), float(2**64 - 1))
    assert repr(again.values) == repr(tuple((value,) for value in expected))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        told([]),
        told(Header(0, [("a", "numbers")], labelled=False)),
        told(Header(-5, [("a", "numbers")], labelled=False)),
        told(Header(2**62, [("a", "numbers")], labelled=False)),
        told(Header(5, [], labelled=False)),
        told(Header(1, [("a", "numbers")], labelled=False), b"\x04", bytes(8)),
        told(Header(1, [("a", "texts")], labelled=False), b"\xff\xff\xff\xff", b"text"),
        told(Header(1, [("a", "texts")], labelled=False), b"\x01\0\0\0", b"\xff"),
        told(Header(1, [("", "numbers")], labelled=True), b"\x01", bytes(8)),
        told(Header(1, [("a", "numbers"), ("", "texts")], labelled=True), bytes(9), b"\xff" * 4),
        told(
            Header(1, [("a", "numbers"), ("", "numbers")], labelled=True),
            *(b"\x01", bytes(8), b"\0", bytes(8)),
        ),
    ],
)
def test_what_makes_no_sense_is_no_table(data: bytes) -> None:
    with pytest.raises((ValueError, msgspec.DecodeError)):
        unpack(data, most_cells=100)
