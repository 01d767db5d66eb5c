"""Clients who send several requests at once and hang up: whoever is being answered is let go."""

import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.doors.servers import served_process
from tests.limits.dialling import BODY, LANE, answer, dial, head, post
from tests.running import until

pytestmark = pytest.mark.stack
UNKNOWN = "Authorization: Bearer mlapi_nobodys"  # looked up in the database: it takes a while
COUNT = 40


@pytest.mark.parametrize("rudely", [True, False])
def test_who_leaves_with_requests_behind_the_first_is_noticed(
    installed: Path, rudely: bool
) -> None:
    with served_process("uvicorn", installed) as (_, url):
        for _ in range(COUNT):
            with dial(url) as client:
                client.sendall(post(LANE, BODY, UNKNOWN) + post(LANE) + post(LANE))
                if rudely:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        until(lambda: being_answered(url) == 1, 30, "nobody is being answered but who asks")
        log = installed / f"uvicorn-{urlsplit(url).port}.log"
        assert "Traceback" not in log.read_text()


def being_answered(url: str) -> float:
    """As the metrics say: with the request for them."""
    with dial(url) as client:
        client.sendall(head("/metrics", method="GET"))
        lines = answer(client).body.decode().splitlines()
    found = [line for line in lines if line.startswith("concurrent_requests")]
    return sum(float(line.rpartition(" ")[2]) for line in found)
