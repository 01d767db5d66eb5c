"""What the tutorial's own load does to us: 1,000 requests, 50 in flight, all right."""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

pytestmark = pytest.mark.stack
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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
    async with callers(stack.base_url, 32) as connected:
        got = []
        for start in range(0, 640, 32):
            for (_, writer), row in zip(connected, rows[start : start + 32], strict=True):
                writer.write(request("/predict-batched", {"features": row}))
            got += [await answer_on(reader) for reader, _ in connected]
    assert statistics.median(answer["batch_size"] for answer in got) > 1


@asynccontextmanager
async def callers(base_url: str, count: int) -> AsyncIterator[list[Connection]]:
    """Connections on which nothing costs a client time: what is written is on its way at once."""
    where = urlsplit(base_url)
    made = [await asyncio.open_connection(where.hostname, where.port) for _ in range(count)]
    yield made
    for _, writer in made:
        writer.close()
        await writer.wait_closed()


def request(path: str, body: dict) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def answer_on(reader: asyncio.StreamReader) -> dict:
    """The JSON of the next answer, which must be a 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert head.startswith("http/1.1 200"), head
    length = next(line for line in head.splitlines() if line.startswith("content-length"))
    return json.loads(await reader.readexactly(int(length.split(":")[1])))
