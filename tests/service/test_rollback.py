"""A rollback reaches every process within two seconds, with the broker out of reach, too; and what
history says of any moment is what answered then.
"""

import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest

from tests.conftest import Install
from tests.modelregistry.trained import tree_file
from tests.running import Stack, manage, running, until
from tests.service.answering import Answer, asking

pytestmark = [pytest.mark.stack, pytest.mark.alone, pytest.mark.timeout(240)]
BODY = {"rows": [[5.1, 3.5, 1.4, 0.2]]}
WITHIN_S = 2.0
SLACK = 5  # of a machine that is busy with other things
ANSWERS = 10_000
SLOTS_A_S = 40


@pytest.fixture(scope="module")
def house(install: Install) -> Iterator[Stack]:
    """A stack of its own, in which iris has had two champions; the broker may be stopped."""
    data_dir = install("rollback")
    file = data_dir / "second.skops"
    file.write_bytes(tree_file())
    done = manage(data_dir, "register_model", str(file), "--model", "iris", "--promote")
    assert done.returncode == 0, done.stderr
    with running(data_dir, MLAPI_WORKERS="2") as stack:
        yield stack


@pytest.fixture(scope="module")
def key(house: Stack) -> str:
    return manage(house.data_dir, "create_api_key", "admin", "--name", "moves").stdout.strip()


def answered(house: Stack, requests: int = 8) -> set[int]:
    """Which versions answer, on a connection each, so that both processes are asked."""
    address = f"{house.base_url}/api/v1/models/iris/predict"
    headers = {"Connection": "close"}
    return {
        httpx.post(address, json=BODY, headers=headers).json()["version"] for _ in range(requests)
    }


def test_a_rollback_over_rest_reaches_every_process_while_the_broker_is_stopped(
    house: Stack,
) -> None:
    key = manage(house.data_dir, "create_api_key", "admin").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    rollback = f"{house.base_url}/api/v1/models/iris/rollback/"
    until(lambda: answered(house) == {2}, 30, "the second version answers")
    broker = house.child("valkey-server")
    broker.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = httpx.post(rollback, headers=headers, timeout=WITHIN_S)
        until(lambda: answered(house) == {1}, WITHIN_S, "the first version answers")
        took = time.monotonic() - began
    finally:
        broker.send_signal(signal.SIGCONT)
    assert answer.json() == {"alias": "champion", "version": 1, "previous": 2}
    assert took < WITHIN_S


@pytest.mark.parametrize("down", [signal.SIGSTOP, signal.SIGKILL], ids=["suspended", "killed"])
def test_a_rollback_under_load_without_a_broker_fails_nobody_and_is_done_within_seconds(
    house: Stack, key: str, down: signal.Signals
) -> None:
    for wanted in (1, 2):
        promote(house, key, wanted)
    until(lambda: answered(house) == {2}, SLACK * WITHIN_S, "the second version answers")
    broker = house.child("valkey-server")
    with asking(house.base_url) as log:
        broker.send_signal(down)
        try:
            began = time.time()
            assert roll_back(house, key)["version"] == 1
            until(lambda: answered(house) == {1}, SLACK * WITHIN_S, "the first version answers")
        finally:
            if down == signal.SIGSTOP:
                broker.send_signal(signal.SIGCONT)
    took = log.last_of(2, began) - began
    print(f"{down.name}: {took:.3f} s, {len(log.answers)} answers")
    assert took < SLACK * WITHIN_S
    assert {answer.status for answer in log.answers} == {200}
    until(house.is_ready, 30, "the stack is whole again")


def test_which_version_answered_is_what_history_says_of_ten_thousand_answers(
    house: Stack, key: str
) -> None:
    moves: list[Callable[[], object]] = [
        partial(promote, house, key, 1),
        partial(promote, house, key, 2),
        partial(roll_back, house, key),
        partial(promote, house, key, 2),
        partial(promote, house, key, 1),
        partial(roll_back, house, key),
    ]
    with asking(house.base_url) as log:
        for number, move in enumerate(moves, start=1):
            move()
            moved, goal = time.monotonic(), number * ANSWERS // len(moves)
            until(
                lambda m=moved, g=goal: time.monotonic() - m > 2 and len(log.answers) >= g,
                60,
                "answers of the version that serves",
            )
    assert len(log.answers) >= ANSWERS
    assert {answer.status for answer in log.answers} == {200}
    with httpx.Client(base_url=f"{house.base_url}/api/v1/models/iris", headers=key_of(key)) as rest:
        clear = outside(log.answers, moved_at(rest))
        then: dict[int, int] = {}
        for answer in clear:
            slot = int(answer.received * SLOTS_A_S)  # no move is within one: those are left out
            if slot not in then:
                at = datetime.fromtimestamp(answer.received, UTC).isoformat()
                then[slot] = rest.get("/history/", params={"at": at}).json()["version"]
            assert answer.version == then[slot], answer
    print(f"{len(clear)} of {len(log.answers)} answers, {len(then)} times asked for")
    assert len(clear) > ANSWERS // 3
    assert {answer.version for answer in clear} == {1, 2}


def outside(answers: list[Answer], moves: list[float]) -> list[Answer]:
    """Those that were under way in no second after a move, in their order."""
    clear = [a for a in answers if not any(m <= a.received and a.sent < m + 1 for m in moves)]
    return sorted(clear, key=lambda answer: answer.received)


def moved_at(rest: httpx.Client) -> list[float]:
    lines = rest.get("/history/").json()["results"]
    return [datetime.fromisoformat(line["at"]).timestamp() for line in lines]


def promote(house: Stack, key: str, version: int) -> None:
    address = f"{house.base_url}/api/v1/models/iris/aliases/champion/"
    put = httpx.put(address, json={"version": version}, headers=key_of(key), timeout=30)
    assert put.status_code == 200


def roll_back(house: Stack, key: str) -> dict[str, object]:
    address = f"{house.base_url}/api/v1/models/iris/rollback/"
    post = httpx.post(address, headers=key_of(key), timeout=SLACK * WITHIN_S)
    assert post.status_code == 200
    told: dict[str, object] = post.json()
    return told


def key_of(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_what_rest_says_of_the_past_is_what_answered(house: Stack) -> None:
    key = manage(house.data_dir, "create_api_key", "admin", "--name", "past").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    model = f"{house.base_url}/api/v1/models/iris"
    for wanted in (2, 1):
        body = {"version": wanted, "reason": "to and fro"}
        put = httpx.put(f"{model}/aliases/champion/", json=body, headers=headers)
        assert put.status_code == 200
        until(lambda w=wanted: answered(house) == {w}, SLACK * WITHIN_S, "it answers")
        now = {"at": datetime.now(UTC).isoformat()}
        past = httpx.get(f"{model}/history/", params=now, headers=headers)
        assert past.json()["version"] == wanted
