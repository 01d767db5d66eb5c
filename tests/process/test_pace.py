"""How long a client may take: sweeps are counted, and what moves enough begins anew."""

from mlapi.pace import Patience

HEAD, BODY = object(), object()


def ends_at(patience: Patience, moved: list[int], *, enough: float, mark: object = BODY) -> int:
    """The sweep at which it is over for a client that has moved so much at each; 0: at none."""
    for sweep, so_far in enumerate(moved, start=1):
        if patience.is_over(sweep, mark, moved=so_far, enough=enough, sweeps=3):
            return sweep
    return 0


def test_who_moves_nothing_has_the_sweeps_it_was_given() -> None:
    assert ends_at(Patience(), [0, 0, 0, 0, 0], enough=10) == 4


def test_who_moves_too_little_has_no_longer() -> None:
    assert ends_at(Patience(), [0, 3, 6, 9, 12], enough=10) == 4


def test_who_moves_enough_in_that_time_begins_anew() -> None:
    assert ends_at(Patience(), [0, 4, 8, 12, 16, 20, 24, 28], enough=10) == 0
    assert ends_at(Patience(), [0, 4, 8, 12, 12, 12, 12, 12], enough=10) == 7


def test_where_nothing_is_enough_all_has_to_come_in_time() -> None:
    patience = Patience()
    assert ends_at(patience, [0, 1_000_000, 2_000_000, 3_000_000], enough=float("inf")) == 4


def test_what_is_waited_for_next_has_its_own_time() -> None:
    patience = Patience()
    assert ends_at(patience, [0, 0, 0], enough=10) == 0
    assert ends_at(patience, [0, 0, 0], enough=10, mark=HEAD) == 0


def test_between_two_waits_no_time_is_counted() -> None:
    patience = Patience()
    assert ends_at(patience, [0, 0, 0], enough=10) == 0
    patience.rest()
    assert ends_at(patience, [0, 0, 0, 0], enough=10) == 4
