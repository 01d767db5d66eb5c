"""What the tests of the lane inside the HTTP protocol share."""

from collections.abc import AsyncIterator

import pytest

from tests.lane.house import House, loaded
from tests.serving.models import Doubling


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(loaded(Doubling()), body_limit=1 << 20)
    yield made
    assert made.meter.in_flight == 0
