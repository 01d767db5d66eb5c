"""Forty bad files handed in at once: each is refused with its reason, and predictions go on."""

import re
from collections.abc import Iterator
from itertools import cycle, islice

import httpx
import pytest

from tests.modelregistry.hostile.corpus import (
    OF_ARCHIVES,
    OF_NAMES,
    OF_ONNX,
    OPENED,
    Case,
)
from tests.running import Stack, manage, until
from tests.stack.asking import asking

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
COUNT = 40
PATH = "/api/v1/models/hostile/versions/"
# Those that need scikit-learn, or the whole of their time, are few of what comes.
DEAR = ("array without end", "function of os", "8 GB out of 100 bytes")
OTHERS = {**OF_NAMES, **OF_ARCHIVES}  # pickles are refused before they get a number
CHEAP = [case for name, case in OTHERS.items() if name not in OPENED]
BAD = [
    *({**OF_ARCHIVES, **OF_ONNX}[name] for name in DEAR),
    *islice(cycle(CHEAP), COUNT - len(DEAR)),
]


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    script = "from modelregistry import services; services.create_model(name='hostile', task='')"
    assert manage(stack.data_dir, "shell", "-v0", "-c", script).returncode == 0
    key = manage(stack.data_dir, "create_api_key", "admin").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=stack.base_url, headers=headers, timeout=60) as known:
        yield known


def hand_in(client: httpx.Client, case: Case) -> int:
    answer = client.post(PATH, files={"file": ("model.skops", case.build())})
    assert (answer.status_code, answer.json()["state"]) == (202, "pending"), answer.text
    number: int = answer.json()["version"]
    return number


def versions(client: httpx.Client) -> dict[int, dict[str, str]]:
    return {each["version"]: each for each in client.get(PATH).json()["results"]}


def test_bad_uploads_end_rejected_and_predictions_go_on(stack: Stack, client: httpx.Client) -> None:
    worker = stack.child("worker")
    with asking(stack.base_url) as asked:
        handed_in = {hand_in(client, case): case for case in BAD}
        until(
            lambda: {each["state"] for each in versions(client).values()} == {"rejected"},
            within_s=400,
            what="every bad file refused",
        )
    found = versions(client)
    assert len(found) == COUNT
    for number, case in handed_in.items():
        assert re.search(case.words, found[number]["reason"]), found[number]
    assert asked.failed == {}
    assert asked.answered > 0
    assert stack.child("worker") == worker  # the same process, by its start too
    assert list((stack.data_dir / "intake").iterdir()) == []
    print(f"{asked.answered} predictions answered meanwhile")
