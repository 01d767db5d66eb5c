"""What a handler may return, and what is told of one that raises."""

import math
import uuid

import pytest

from jobs.errors import NotJson, ResultTooLarge
from jobs.execution import UNSEEN, failure, storable
from tests.jobs.kinds_for_tests import Refused


def test_a_result_is_what_json_holds() -> None:
    job_id = uuid.uuid4()
    assert storable({"n": (1, 2.5), "id": job_id, "nan": math.nan}) == {
        "n": [1, 2.5],
        "id": str(job_id),
        "nan": None,
    }


NOT_JSON = {
    "an object": object(),
    "a set with an object": {1: {2, object()}},
    "a NUL": "a\x00b",
    "half a surrogate pair": "\ud800",
}


@pytest.mark.parametrize("result", NOT_JSON.values(), ids=NOT_JSON)
def test_what_json_or_a_database_cannot_hold_is_refused(result: object) -> None:
    with pytest.raises(NotJson):
        storable(result)


def test_a_result_over_the_limit_is_refused_with_its_size() -> None:
    assert storable("x" * 999_998) == "x" * 999_998
    with pytest.raises(ResultTooLarge, match="1,000,001 bytes"):
        storable("x" * 999_999)


def test_only_listed_exceptions_speak_to_everyone() -> None:
    seen = failure(Refused("No such column."), shown=(Refused,))
    assert (seen.code, seen.detail) == ("refused", "No such column.")
    unseen = failure(Refused("/etc/secret"), shown=())
    assert (unseen.code, unseen.detail) == ("failed", UNSEEN)
    assert "/etc/secret" in unseen.traceback
