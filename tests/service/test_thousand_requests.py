"""What the tutorial's own load does to us: 1,000 requests, 50 in flight, all right."""

import asyncio
import statistics
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def flowers() -> tuple[list[list[float]], list[int]]:
    """All 150 irises and 850 drawn within their range, and the forest's word on each."""
    known, targets = load_iris(return_X_y=True)
    drawn = np.random.default_rng(1).uniform(known.min(axis=0), known.max(axis=0), (850, 4))
    rows = np.vstack([known, drawn])
    forest = RandomForestClassifier(n_estimators=10, random_state=42).fit(known, targets)
    return rows.tolist(), forest.predict(rows).tolist()


async def answers(base_url: str, path: str, bodies: list[dict], at_once: int) -> list[dict]:
    """The JSON of every answer, in order; each must be a 200."""
    url = f"http://localhost:{urlsplit(base_url).port}{path}"
    places = asyncio.Semaphore(at_once)

    async with httpx.AsyncClient(timeout=60) as client:

        async def ask(body: dict) -> dict:
            async with places:
                answer = await client.post(url, json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()

        return await asyncio.gather(*[ask(body) for body in bodies])


@pytest.mark.parametrize("path", ["/predict-async", "/predict-batched"])
async def test_a_thousand_rows_one_by_one_get_the_forests_answers(stack, flowers, path) -> None:
    rows, labels = flowers
    got = await answers(stack.base_url, path, [{"features": row} for row in rows], 50)
    assert [answer["prediction"] for answer in got] == labels


async def test_a_thousand_rows_through_onnx_get_the_forests_answers(stack, flowers) -> None:
    rows, labels = flowers
    bodies = [{"features": [row]} for row in rows]
    got = await answers(stack.base_url, "/predict-onnx", bodies, 50)
    assert [answer["predictions"] for answer in got] == [[label] for label in labels]
    (whole,) = await answers(stack.base_url, "/predict-onnx", [{"features": rows}], 1)
    assert whole["predictions"] == labels


async def test_callers_of_the_batched_route_are_batched(stack, flowers) -> None:
    rows, _ = flowers
    bodies = [{"features": row} for row in rows[:640]]
    got = await answers(stack.base_url, "/predict-batched", bodies, 32)
    assert statistics.median(answer["batch_size"] for answer in got) > 1
