"""The laws' tests can fail: each of these small mistakes in the batcher turns one of them red."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import pytest

from predictions.serving import batcher, engine
from predictions.serving.errors import ServingError
from tests.serving import submitting, test_batcher, test_deadlines, test_places

RED = (AssertionError, TimeoutError, pytest.fail.Exception, ServingError)


class Mutant(NamedTuple):
    """A line of the batcher, another in its place, and who notices."""

    line: str
    instead: str
    noticed_by: Callable[[], None]


MUTANTS = {
    "a bad row harms its neighbours": Mutant(
        "if isinstance(outcome, RowsRefused) and len(batch) > 1:",
        "if isinstance(outcome, RowsRefused) and len(batch) > 1000:",
        test_batcher.test_a_row_the_model_refuses_fails_its_own_caller_and_no_neighbour,
    ),
    "limits count requests": Mutant(
        "room -= size",
        "room -= 1",
        test_batcher.test_limits_count_rows_not_requests,
    ),
    "a large request is no batch's": Mutant(
        "size = min(left, room)",
        "size = left",
        test_batcher.test_a_request_larger_than_a_batch_runs_in_slices_and_its_neighbours_are_answered,
    ),
    "neighbours wait for all of a large request": Mutant(
        "if call.taken < call.rows:\n                queue.append(call)",
        "if call.taken < call.rows:\n                queue.append(call); queue.rotate(1)",
        test_batcher.test_a_request_larger_than_a_batch_runs_in_slices_and_its_neighbours_are_answered,
    ),
    "those who have left are run": Mutant(
        "if call.cancelled:\n                queue",
        "if not call.rows:\n                queue",
        test_batcher.test_a_cancelled_caller_is_skipped_and_frees_its_place,
    ),
    "those who have left keep their places": Mutant(
        "self._occupy(-self._weight(call))\n        self._gone += 1",
        "self._gone += 1",
        test_batcher.test_a_cancelled_caller_is_skipped_and_frees_its_place,
    ),
    "all get the same outputs": Mutant(
        "self.outputs = tuple(outputs)",
        'self.outputs = ("value",)',
        test_places.test_callers_of_other_outputs_and_of_other_versions_get_their_own,
    ),
    "the queue has no bound": Mutant(
        "if taken and taken + weight > policy.max_queue_rows:",
        "if taken and taken > 10**9:",
        test_batcher.test_a_full_queue_is_refused_at_once,
    ),
    "a large request never finds room": Mutant(
        "if taken and taken + weight",
        "if taken + weight",
        test_batcher.test_a_request_larger_than_the_queue_is_admitted_when_it_is_empty,
    ),
    "what is late runs": Mutant(
        "if call.deadline <= now:",
        "if call.deadline <= 0:",
        test_deadlines.test_what_is_late_when_its_turn_comes_is_refused_and_its_neighbours_are_answered,
    ),
    "what is late runs after others": Mutant(
        "in_time = [not part.call.cancelled and part.call.deadline > now for part in batch]",
        "in_time = [True for part in batch]",
        test_deadlines.test_behind_another_models_run_who_is_late_or_has_left_does_not_run,
    ),
    "two batches run at once": Mutant(
        "if self._busy:\n            return",
        "if not self._queue:\n            return",
        test_places.test_one_dear_batch_of_a_batcher_is_in_the_executor_at_a_time,
    ),
    "a failed slice keeps its place": Mutant(
        "call.cancel()  # the other",
        "call.cancelled = True  # the other",
        test_places.test_what_is_left_of_a_failed_request_frees_its_place,
    ),
    "a failure is everybody's": Mutant(
        "except BaseException:",
        "except ZeroDivisionError:",
        test_batcher.test_an_exception_fails_its_batch_only,
    ),
    "deadlines have a clock of their own": Mutant(
        "self._clock = clock",
        "self._clock = monotonic",
        test_deadlines.test_what_is_late_when_its_turn_comes_is_refused_and_its_neighbours_are_answered,
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.noticed_by()
    changed = mutated(mutant)
    monkeypatch.setattr(submitting, "Batcher", changed.Batcher)
    monkeypatch.setattr(engine, "Batcher", changed.Batcher)
    monkeypatch.setattr(submitting, "WITHIN_S", 2.0)
    with pytest.raises(RED):
        mutant.noticed_by()


def mutated(mutant: Mutant) -> ModuleType:
    source = inspect.getsource(batcher)
    assert source.count(mutant.line) == 1, mutant.line
    module = ModuleType(batcher.__name__)
    code = compile(source.replace(mutant.line, mutant.instead), "mutant", "exec")
    exec(code, module.__dict__)
    return module
