"""As many requests at once as may be, and not one more: at once, and until a place is free."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.limits.dialling import DJANGO, IN_FLIGHT, LANE, answer, dial, head, post
from tests.running import until

pytestmark = pytest.mark.stack


def status(url: str, sent: bytes) -> int:
    with dial(url) as client:
        client.sendall(sent)
        return answer(client).status


@contextmanager
def all_places_taken(url: str, path: str) -> Iterator[None]:
    """By requests whose bodies are on their way."""
    with ExitStack() as stack:
        for _ in range(IN_FLIGHT):
            stack.enter_context(dial(url)).sendall(head(path, "Content-Length: 10"))
        yield


@pytest.mark.parametrize("path", [LANE, DJANGO])
def test_above_the_cap_it_is_503_at_once_and_places_of_who_leaves_are_free(
    url: str, path: str
) -> None:
    with all_places_taken(url, path), dial(url) as client:
        until(lambda: status(url, post(LANE)) == 503, 10, "the last one has its place")
        started = time.monotonic()
        client.sendall(post(path, b" " * 100_000))
        told = answer(client)
        assert time.monotonic() - started < 1
        assert (told.status, told.code) == (503, "overloaded")
        assert int(told.headers["retry-after"]) >= 1
        for probe in ("/livez", "/livez?x=1", "/metrics?x=1"):
            assert status(url, head(probe, method="GET")) == 200, probe

    until(lambda: status(url, post(path)) == 200, 10, "a place is free")
