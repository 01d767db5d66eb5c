"""Which rows two versions are compared on: the fairest there are, and it is said how fair."""

from modelregistry.comparison.rows import MOST_ROWS, Offer, arranged, choose, spread
from modelregistry.formats.rows import Rows


def rows(*values: int, targets: bool = True) -> Rows:
    return Rows(
        columns=("x0",),
        values=tuple((value,) for value in values),
        targets=values if targets else None,
    )


def offer(number: int, samples: Rows | None = None, heldout: Rows | None = None) -> Offer:
    return Offer(number=number, samples=samples, heldout=heldout)


def test_rows_that_both_have_held_out_are_fair_to_both() -> None:
    found = choose(offer(1, rows(1, 2), rows(8, 9)), offer(2, rows(1, 2), rows(8, 9)))
    assert found is not None
    assert (found.which, found.versions, found.notes) == ("held-out", (1, 2), ())


def test_held_out_rows_go_before_samples() -> None:
    found = choose(offer(1, rows(1), rows(8, 9)), offer(2, rows(3, 4, 5)))
    assert found is not None
    assert (found.which, found.versions) == ("held-out", (1,))
    assert found.notes == ("None of these rows is among those that version 2 came with.",)


def test_held_out_rows_that_fewer_have_learned_go_before_others() -> None:
    first = offer(1, rows(1, 2, 3), rows(8, 9))
    second = offer(2, rows(1, 8, 9), rows(4, 5))
    found = choose(first, second)
    assert found is not None
    assert found.versions == (2,)  # the rows of the first are among the second's samples


def test_it_is_said_who_may_have_been_fitted_on_them() -> None:
    found = choose(offer(1, rows(1, 2, 3)), offer(2))
    assert found is not None
    assert (found.which, found.versions) == ("sample", (1,))
    learned, unknown = found.notes
    assert learned == (
        "Version 1 may have been fitted on 3 of these 3 rows, which are among those it came with: "
        "its figures may be too good."
    )
    assert unknown == "Whether version 2 was fitted on some of these rows is not known."


def test_samples_that_both_came_with_are_both_ones() -> None:
    found = choose(offer(1, rows(1, 2)), offer(2, rows(1, 2)))
    assert found is not None
    assert (found.versions, len(found.notes)) == ((1, 2), 2)


def test_rows_with_targets_go_before_those_without() -> None:
    found = choose(offer(1, rows(1, 2)), offer(2, rows(3, 4, targets=False)))
    assert found is not None
    assert found.versions == (1,)


def test_without_rows_there_is_nothing_to_choose() -> None:
    assert choose(offer(1), offer(2)) is None
    assert choose(offer(1, rows()), offer(2)) is None


def test_of_very_many_rows_some_are_taken_evenly() -> None:
    many = rows(*range(3 * MOST_ROWS))
    found = choose(offer(1, many), offer(2))
    assert found is not None
    assert (found.kept, len(found.rows)) == (3 * MOST_ROWS, MOST_ROWS)
    assert found.rows.values[0] == (0,)
    assert found.rows.values[-1] == (3 * MOST_ROWS - 1,)
    assert (found.places[0], found.places[-1]) == (0, 3 * MOST_ROWS - 1)
    assert spread(2) == [0, 1]


def test_columns_are_arranged_by_name_where_the_names_are_the_same() -> None:
    table = Rows(columns=("a", "b"), values=((1, 2),), targets=("t",))
    turned = Rows(columns=("b", "a"), values=((2, 1),), targets=("t",))
    assert arranged(table, ("b", "a")) == turned
    assert arranged(table, ("x0", "x1")) == table
