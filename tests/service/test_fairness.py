"""One client's worst body does not stop the others."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.doors.servers import served_process

pytestmark = [pytest.mark.stack, pytest.mark.alone]
HEADERS = {"Content-Type": "application/json"}
ROW = b'{"features": [5.1, 3.5, 1.4, 0.2]}'
WORST = {
    "empty lists beside the row": b'{"x":[' + b"[]," * 3_300_000 + b'[]],"features":[1,2,3,4]}',
    "empty lists for numbers": b'{"features":[' + b"[]," * 3_300_000 + b"[]]}",
    "a million right rows": b'{"features":[' + b"[1,2,3,4]," * 990_000 + b"[1,2,3,4]]}",
}
LONGEST_PAUSE_S = 2.5  # of a neighbour; about 0.4 on two processors


@pytest.mark.parametrize("body", WORST.values(), ids=WORST)
def test_neighbours_of_a_ten_megabyte_body_are_answered_meanwhile(
    installed: Path, body: bytes
) -> None:
    path = "/predict-onnx" if body.startswith(b'{"features":[[1') else "/predict-async"
    with (
        served_process("uvicorn", installed) as (_, url),
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        statuses: list[int] = []

        def send() -> None:
            for _ in range(3):
                answer = httpx.post(url + path, content=body, headers=HEADERS, timeout=60)
                statuses.append(answer.status_code)

        large = threading.Thread(target=send)
        large.start()
        pauses = []
        while large.is_alive():
            started = time.monotonic()
            assert client.post("/predict-async", content=ROW, headers=HEADERS).status_code == 200
            pauses.append(time.monotonic() - started)
        assert set(statuses) <= {200, 400, 422}
        assert len(statuses) == 3
    assert max(pauses) < LONGEST_PAUSE_S
