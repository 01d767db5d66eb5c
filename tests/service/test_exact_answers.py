"""What callers read is what ONNX Runtime says, to the last bit, and is the same alone and beside
others.
"""

import asyncio
import json
from collections.abc import Callable
from random import Random

import httpx
import numpy as np
import onnxruntime
import pytest

from benchmarks.caller import Caller
from modelregistry.examples.training import churn_table
from predictions.measure.bodies import iris_rows
from tests.running import Stack, manage
from tests.service.callers import body_of, connected, path_of

pytestmark = pytest.mark.stack
COUNT = 200  # rows: fewer than a batch takes
DTYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64,
    "tensor(string)": np.object_,
}  # fmt: skip
ROWS: dict[str, Callable[[Random], list]] = {
    "iris": lambda random: [list(row) for row in iris_rows(COUNT, random)],
    "diabetes": lambda random: [
        [random.uniform(-0.1, 0.1) for _ in range(10)] for _ in range(COUNT)
    ],
    "churn": lambda random: churn_table(np.random.default_rng(7), count=COUNT)[0].tolist(),
}
WITHIN = 1e-6


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return manage(stack.data_dir, "create_api_key", "admin", "--name", "exact").stdout.strip()


@pytest.fixture(params=ROWS)
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def rows(model: str) -> list[list[object]]:
    return json.loads(json.dumps(ROWS[model](Random(7))))  # as the service reads them


def direct(stack: Stack, key: str, model: str, rows: list[list[object]]) -> list[np.ndarray]:
    """The rows through a session of our own, over the file that the registry hands out."""
    file = httpx.get(
        f"{stack.base_url}/api/v1/models/{model}/versions/1/download/?format=onnx",
        headers={"Authorization": f"Bearer {key}"},
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.content, options)
    inputs, at = {}, 0
    for each in session.get_inputs():
        width = each.shape[1]
        values = [row[at : at + width] for row in rows]
        inputs[each.name], at = np.array(values, DTYPES[each.type]), at + width
    return session.run(None, inputs)


async def told(caller: Caller, model: str, rows: list[list[object]]) -> tuple[list, np.ndarray]:
    """Predictions, and all numbers of the answer, one row of them for each of its own."""
    reply = await caller.ask(path_of(model), body_of(*rows))
    assert reply.status == 200
    answer = json.loads(reply.body)
    numbers = answer.get("probabilities", answer["predictions"])
    return answer["predictions"], np.array(numbers, np.float64).reshape(len(rows), -1)


async def test_an_answer_is_onnx_runtimes_to_the_last_bit(
    stack: Stack, key: str, model: str, rows: list[list[object]]
) -> None:
    async with connected(stack.base_url, 1) as [caller]:
        predictions, numbers = await told(caller, model, rows)
    first, *more = direct(stack, key, model, rows)
    raw = (more[0] if more else first).reshape(COUNT, -1)
    assert raw.dtype == np.float32
    assert (numbers.astype(np.float32).view(np.int32) == raw.view(np.int32)).all()
    assert (numbers == raw).all()  # nothing was rounded on the way through JSON
    if more:
        assert predictions == first.tolist()


async def test_a_row_alone_among_others_and_beside_other_callers_gets_the_same(
    stack: Stack, model: str, rows: list[list[object]]
) -> None:
    async with connected(stack.base_url, COUNT) as callers:
        together, numbers = await told(callers[0], model, rows)
        alone = [await told(callers[0], model, [row]) for row in rows]
        beside = await asyncio.gather(
            *[told(caller, model, [row]) for caller, row in zip(callers, rows, strict=True)]
        )
    for answers in (alone, beside):
        found = np.vstack([values for _, values in answers])
        np.testing.assert_allclose(found, numbers, rtol=WITHIN, atol=WITHIN)
        if model != "diabetes":  # it has no labels
            assert [labels[0] for labels, _ in answers] == together
