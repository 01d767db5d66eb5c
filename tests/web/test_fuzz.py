"""Requests that schemathesis makes out of the served document: answers are as it says, and none is
5xx, but where a deadline is over.

`make fuzz` sends more of them.
"""

from collections.abc import Iterator

import pytest

from benchmarks.fuzz import UNTHROTTLED, Outcome, fuzz, summary
from tests.conftest import Install
from tests.running import Stack, running

pytestmark = pytest.mark.stack
FEW = 2  # of an operation and phase, beside those that cover its edges


@pytest.fixture
def own_stack(install: Install) -> Iterator[Stack]:
    """It is asked to do whatever can be asked for."""
    with running(install("fuzz"), MLAPI_WORKERS="1", **UNTHROTTLED) as stack:
        yield stack


@pytest.mark.timeout(600)
def test_the_service_answers_as_its_document_says(own_stack: Stack) -> None:
    outcome = Outcome()

    fuzz(own_stack, outcome, seed=1, each=FEW)

    assert outcome.failures == [], "\n".join(summary(outcome))
    assert outcome.sent > 500
    assert {200, 202, 404, 422} <= set(outcome.statuses)
    assert all(status < 500 or status == 504 for status in outcome.statuses)
