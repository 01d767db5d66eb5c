"""A batch that is accepted has an answer that can be kept."""

import sys

import pytest

from jobs.errors import WrongParams
from jobs.execution import storable
from jobs.kinds import find
from predictions.tasks import MOST_ROWS

WIDEST = -sys.float_info.min * 1.2345678901234567  # 24 characters as JSON
KIND = find("batch_predict_task")


@pytest.mark.parametrize("prediction", [WIDEST, "c" * 36], ids=["number", "label"])
def test_the_answer_to_the_largest_batch_is_kept(prediction: object) -> None:
    answer = {
        "predictions": [prediction] * MOST_ROWS, "count": MOST_ROWS, "status": "completed"
    }  # fmt: skip
    assert storable(answer) == answer


def test_a_larger_batch_is_refused_and_told_the_limit() -> None:
    KIND.decode({"batch_features": [[1]] * MOST_ROWS})
    with pytest.raises(WrongParams, match=str(MOST_ROWS)):
        KIND.decode({"batch_features": [[1]] * (MOST_ROWS + 1)})
