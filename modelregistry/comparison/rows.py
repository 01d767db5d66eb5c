"""Which rows two versions are compared on, and how fair that is to each. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelregistry.formats.rows import Rows

MOST_ROWS = 20_000
HELD_OUT, SAMPLES = "held-out", "sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The rows that one version keeps: those it came with, and those it was measured on."""

    number: int
    samples: Rows | None
    heldout: Rows | None

    def seen(self, rows: Rows) -> int:
        """How many of the rows are among those it came with, whatever their targets are."""
        if self.samples is None:
            return 0
        known = set(arranged(self.samples, rows.columns).values)
        return sum(row in known for row in rows.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Rows for both. `kept` is how many there are; `rows` are at most MOST_ROWS of them, those at
    `places`.
    """

    which: str
    versions: tuple[int, ...]
    kept: int
    places: tuple[int, ...]
    rows: Rows
    notes: tuple[str, ...]


def choose(a: Offer, b: Offer) -> Chosen | None:
    """Held-out rows where there are any, then those that tell the targets, then those that fewer
    have been fitted on; of equals the second version's. None where neither keeps rows.
    """
    found = [
        (which != HELD_OUT, rows.targets is None, _seen_by_others(owners, (a, b), rows), place)
        for place, (which, owners, rows) in enumerate(_offered(a, b))
    ]
    if not found:
        return None
    which, owners, rows = list(_offered(a, b))[min(found)[-1]]
    places = spread(len(rows))
    part = rows.at(places)
    return Chosen(
        which=which,
        versions=owners,
        kept=len(rows),
        places=tuple(places),
        rows=part,
        notes=tuple(_notes(which, owners, (a, b), part)),
    )


def spread(count: int, most: int = MOST_ROWS) -> list[int]:
    """The places of all rows, or of `most`, evenly taken from the first to the last."""
    if count <= most:
        return list(range(count))
    places: list[int] = np.linspace(0, count - 1, most).astype(int).tolist()
    return places


def arranged(rows: Rows, columns: tuple[str, ...]) -> Rows:
    """Columns in that order where they have those names; by position where they have others."""
    return rows.arranged(columns) if set(rows.columns) == set(columns) else rows


def _offered(a: Offer, b: Offer) -> Iterator[tuple[str, tuple[int, ...], Rows]]:
    """What kind of rows, whose, and the rows."""
    for which, of_a, of_b in ((HELD_OUT, a.heldout, b.heldout), (SAMPLES, a.samples, b.samples)):
        if of_a and of_a == of_b:
            yield which, (a.number, b.number), of_a
            continue
        if of_b:
            yield which, (b.number,), of_b
        if of_a:
            yield which, (a.number,), of_a


def _seen_by_others(owners: tuple[int, ...], both: tuple[Offer, Offer], rows: Rows) -> int:
    return sum(one.seen(rows) for one in both if one.number not in owners)


def _notes(
    which: str, owners: tuple[int, ...], both: tuple[Offer, Offer], rows: Rows
) -> Iterator[str]:
    """A sentence for each version that these rows are not known to be new to."""
    for one in both:
        if which == HELD_OUT and one.number in owners:
            continue
        count = one.seen(rows)
        if count:
            yield (
                f"Version {one.number} may have been fitted on {count} of these {len(rows)} rows, "
                "which are among those it came with: its figures may be too good."
            )
        elif one.samples is None:
            yield f"Whether version {one.number} was fitted on some of these rows is not known."
        else:
            yield f"None of these rows is among those that version {one.number} came with."
