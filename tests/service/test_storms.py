"""Callers hang up and versions are promoted under load; no answer is foreign, missing or refused.

`make chaos` does the same for minutes.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.chaos import FEW, KEPT, MANY, MODELS, NAMES, lasting, while_promoting
from benchmarks.storm import Outcome, Storm, blow
from tests.conftest import Install
from tests.running import Stack, manage, running, until
from tests.service.steered import register
from tests.service.test_metrics import scraped, value

pytestmark = [pytest.mark.stack, pytest.mark.alone]
REQUESTS, SECONDS, PROMOTIONS = 4000, 4.0, 12


@pytest.fixture(scope="module")
def house(install: Install) -> Iterator[Stack]:
    data_dir = install("storms")
    register(data_dir, *MODELS)
    with running(data_dir, "--no-worker", MLAPI_WORKERS="2") as stack:
        until(lambda: stack.log.count(f"{KEPT} version 1 is live") == 2, 60, "all are live")
        yield stack


@pytest.fixture
def storm(house: Stack) -> Iterator[Storm]:
    """64 callers; when they are gone, no request is left in the service but the one that looks."""
    yield Storm(url=house.base_url, models=NAMES, cycle=MANY)
    until(lambda: scraped(house)["concurrent_requests", ()] == 1, 30, "no request is left")


def assert_right(outcome: Outcome) -> None:
    print(outcome)
    assert outcome.wrong == {}
    assert outcome.answered > 100  # on a busy machine, too


def kept_answers(house: Stack) -> float:
    """Requests that were answered by what was kept, or by somebody else's run."""
    return value(house, "predictions_cache_hits_total", model=KEPT)


async def test_while_a_fifth_hangs_up_all_others_get_their_own_answers(
    house: Stack, storm: Storm
) -> None:
    before = kept_answers(house)
    outcome = await blow(replace(storm, leaving=0.2, requests=REQUESTS), asyncio.Event())
    assert_right(outcome)
    assert outcome.total == REQUESTS
    assert outcome.left > REQUESTS / 10
    assert kept_answers(house) > before


async def test_while_a_tenth_hangs_up_nobody_waits_for_ever(house: Stack, storm: Storm) -> None:
    before = kept_answers(house)
    outcome = await lasting(replace(storm, leaving=0.1, cycle=FEW), SECONDS)
    assert_right(outcome)
    assert kept_answers(house) > before + 100


async def test_promotions_under_load_fail_nobody_and_no_answer_is_of_two_versions(
    house: Stack, storm: Storm
) -> None:
    key = manage(house.data_dir, "create_api_key", "admin").stdout.strip()
    outcome = await while_promoting(storm, key, PROMOTIONS, every_s=0.3)
    assert_right(outcome)
    assert outcome.versions.keys() == {1, 2}
