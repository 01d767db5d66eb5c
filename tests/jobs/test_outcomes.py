"""What a handler may return, and what is told of one that raises."""

import math
import uuid

import pytest

from jobs.errors import NotJson, ResultTooLarge
from jobs.execution import LARGEST_RESULT, UNSEEN, failure, handle, storable
from jobs.kinds import find
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


def test_a_text_that_tells_of_a_nul_is_kept() -> None:
    assert storable(["\\u0000", "\\\\u0000"]) == ["\\u0000", "\\\\u0000"]
    with pytest.raises(NotJson):
        storable(["\\\0"])


def test_a_result_over_the_limit_is_refused_with_its_size() -> None:
    longest = "x" * (LARGEST_RESULT - 2)  # its quotes count too
    assert storable(longest) == longest
    with pytest.raises(ResultTooLarge, match=f"{LARGEST_RESULT + 1:,} bytes"):
        storable(f"{longest}x")


def test_only_listed_exceptions_speak_to_everyone() -> None:
    seen = failure(Refused("No such column."), shown=(Refused,))
    assert (seen.code, seen.detail) == ("refused", "No such column.")
    unseen = failure(Refused("/etc/secret"), shown=())
    assert (unseen.code, unseen.detail) == ("failed", UNSEEN)
    assert "/etc/secret" in unseen.traceback


def test_a_refusal_is_one_line_of_the_log_and_a_fault_has_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, said in (("refuse_task", "Too late."), ("stumble_task", "secret")):
        kind = find(name)
        assert handle(kind, Idle(), {"words": said}).state == "failed"
    refused, fault = caplog.records
    assert refused.getMessage().endswith("(refuse_task) failed: Too late.")
    assert (refused.exc_info, fault.exc_info is None) == (None, False)


class Idle:
    """Stands for a job at work whose words nobody keeps."""

    job_id, attempt, owner_id = uuid.uuid4(), 1, None

    def progress(self, done: int, total: int, stage: str = "") -> None:
        pass

    def log(self, message: str, level: str = "info") -> None:
        pass
