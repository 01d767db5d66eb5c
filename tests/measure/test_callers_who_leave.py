"""Where a server is gone, or hangs up first, a caller who was to leave is counted as a failure."""

import asyncio
from collections import Counter
from random import Random

from benchmarks import soak
from benchmarks.caller import Caller
from benchmarks.storm import Storm, blow
from tests.running import free_port

REQUESTS = 20


def nobody() -> str:
    """Where nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


async def test_in_a_storm() -> None:
    storm = Storm(url=nobody(), models=("iris",), connections=4, leaving=1.0, requests=REQUESTS)
    outcome = await blow(storm, asyncio.Event())
    assert outcome.failed == Counter({"connection closed": REQUESTS})
    assert (outcome.answered, outcome.left) == (0, 0)


async def test_in_a_soak() -> None:
    asked = soak.Asked("/predict-async", b"{}")
    assert await soak.left(Caller(nobody()), asked, Random(1)) == "closed: /predict-async"
