"""Failures are counted by address and by what was tried, for a minute, in bounded memory."""

import pytest

from mlapi import failed_attempts
from mlapi.failed_attempts import FailedAttempts, of_key, of_login


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> FailedAttempts:
    return FailedAttempts(3, clock)


def test_after_so_many_failures_there_is_a_wait_until_the_minute_is_over(
    attempts: FailedAttempts, clock: Clock
) -> None:
    for second in range(3):
        assert attempts.refusal(["a"]) is None
        attempts.note(["a"])
        clock.now = 100.0 + second

    refusal = attempts.refusal(["a"])
    assert refusal is not None
    assert refusal.retry_after_s == 58
    clock.now = 160.0
    assert attempts.refusal(["a"]) is None
    attempts.note(["a"])
    assert attempts.refusal(["a"]) is None


def test_one_that_failed_too_often_is_enough(attempts: FailedAttempts) -> None:
    for other in "xyz":
        attempts.note(["a", other])

    assert attempts.refusal(["a", "new"]) is not None
    assert attempts.refusal(["new", "a"]) is not None
    assert attempts.refusal(["x", "y"]) is None
    assert attempts.refusal([]) is None


def test_ever_new_subjects_take_no_more_memory(
    attempts: FailedAttempts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_attempts, "MOST_SUBJECTS", 10)
    for number in range(1000):
        attempts.note([f"new {number}"])
        attempts.note(["steady"])

    assert len(attempts._counts) <= 10


def test_what_is_over_is_forgotten(attempts: FailedAttempts, clock: Clock) -> None:
    for number in range(50):
        attempts.note([str(number)])
    clock.now += 61

    attempts.note(["new"])

    assert list(attempts._counts) == ["new"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("testclient", "testclient", True),
    ],
)
def test_an_address_is_what_one_customer_has(one: str, other: str, same: bool) -> None:
    assert (of_login(one, "u")[0] == of_login(other, "u")[0]) is same


def test_nobody_knows_the_address_of_a_unix_socket() -> None:
    assert len(of_key(None, b"mlapi_0123")) == len(of_key("", b"mlapi_0123")) == 1


def test_a_key_counts_by_its_beginning_which_is_no_secret() -> None:
    token = b"mlapi_" + b"0123456789abcdef" * 4
    (subject,) = of_key(None, token)

    assert subject == "key mlapi_012345678"
    assert of_key(None, token[:-1] + b"0") == [subject]
