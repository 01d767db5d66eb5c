"""Bodies that are compressed: read like others, and no way around a limit."""

import gzip
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from tests.limits.dialling import BODY, DJANGO, IN_FLIGHT, LANE, answer, dial, head, post

pytestmark = pytest.mark.stack
PATHS = (LANE, DJANGO)
JSON_BYTES = 10_000_000
BOMB = 300_000_000


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "identity": bytes,
}


def ask(url: str, path: str, coding: str, body: bytes) -> httpx.Response:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    return httpx.post(url + path, content=body, headers=headers)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("spaces", [0, 50_000, 5_000_000])
def test_a_compressed_body_is_answered_like_any(
    url: str, path: str, coding: str, spaces: int
) -> None:
    told = ask(url, path, coding, PACKERS[coding](BODY + b" " * spaces))
    assert (told.status_code, told.json()["prediction"]) == (200, 0)


@pytest.mark.parametrize("path", PATHS)
def test_in_chunks_it_is_the_same(url: str, path: str) -> None:
    packed = gzip.compress(BODY)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    pieces = (packed[at : at + 1] for at in range(len(packed)))
    assert httpx.post(url + path, content=pieces, headers=headers).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not(
    url: str, path: str, pack: Callable[[bytes], bytes]
) -> None:
    coding = "gzip" if pack is gzip.compress else "deflate"
    most = BODY.ljust(JSON_BYTES)
    assert ask(url, path, coding, pack(most)).status_code == 200
    told = ask(url, path, coding, pack(most + b" "))
    assert (told.status_code, told.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("path", PATHS)
def test_compressed_bytes_count_too(url: str, path: str) -> None:
    told = ask(url, path, "gzip", gzip.compress(BODY) + bytes(JSON_BYTES))
    assert told.status_code == 413


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"garbage",
        BODY,
        gzip.compress(BODY)[:-1],
        gzip.compress(BODY) + b"more",
        gzip.compress(BODY) * 2,
        b"\x1f\x8b" + bytes(100_000),
        gzip.compress(BODY + b" " * 100_000)[:-9],
    ],
    ids=["garbage", "plain", "cut short", "with a tail", "twice", "only a beginning", "no end"],
)
def test_what_is_not_what_it_says_is_400(url: str, path: str, body: bytes) -> None:
    told = ask(url, path, "gzip", body)
    assert (told.status_code, told.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "deflate,gzip", "compress", "x"])
def test_other_codings_and_several_are_415_and_say_which_are_read(
    url: str, path: str, coding: str
) -> None:
    told = ask(url, path, coding, gzip.compress(gzip.compress(BODY)))
    assert (told.status_code, told.json()["code"]) == (415, "unsupported_encoding")
    assert told.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("path", PATHS)
def test_two_headers_are_several_codings(url: str, path: str) -> None:
    packed = gzip.compress(gzip.compress(BODY))
    lines = ("Content-Encoding: gzip", "Content-Encoding: gzip", f"Content-Length: {len(packed)}")
    with dial(url) as client:
        client.sendall(head(path, *lines) + packed)
        assert answer(client).code == "unsupported_encoding"


@pytest.mark.parametrize("path", PATHS)
def test_bombs_take_no_more_memory_than_the_limit(
    server: tuple[psutil.Process, str], path: str
) -> None:
    process, url = server
    assert ask(url, path, "gzip", gzip.compress(b" " * (JSON_BYTES + 1))).status_code == 413
    before = most_memory(process)
    assert ask(url, path, "gzip", gzip.compress(bytes(BOMB), 1)).status_code == 413
    assert most_memory(process) - before < BOMB / 5


def test_many_at_once_are_unpacked_one_after_the_other(
    server: tuple[psutil.Process, str],
) -> None:
    process, url = server
    packed = gzip.compress(BODY.ljust(JSON_BYTES))
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the most it had is what it has
    before = most_memory(process)
    with ExitStack() as stack:
        clients = [stack.enter_context(dial(url)) for _ in range(IN_FLIGHT - 2)]
        for client in clients:
            client.sendall(post(LANE, packed, "Content-Encoding: gzip"))
        assert {answer(client).status for client in clients} == {200}
    assert most_memory(process) - before < len(clients) * JSON_BYTES / 2


def most_memory(process: psutil.Process) -> int:
    """Bytes it ever had at once, by the kernel's own count."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
