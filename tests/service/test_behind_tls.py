"""Behind a proxy that speaks TLS: who says so is believed only if he is one of the proxies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.doors.servers import served

pytestmark = pytest.mark.stack
PAGE = "/admin/login/"
SAID = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
NOBODY = "10.9.9.9"  # is on no machine of ours: who asks from loopback is a stranger then


@contextmanager
def behind_tls(installed: Path, *, proxy: str) -> Iterator[httpx.Client]:
    told = {"MLAPI_BEHIND_TLS": "1", "FORWARDED_ALLOW_IPS": proxy}  # as docker-compose.yml does
    with served("uvicorn", installed, **told) as url, httpx.Client(base_url=url) as client:
        yield client


def test_the_proxy_is_believed(installed: Path) -> None:
    with behind_tls(installed, proxy="127.0.0.1") as client:
        answer = client.get(PAGE, headers=SAID)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("csrftoken=")
        assert "Secure" in cookie
        plain = client.get(PAGE, headers={"X-Forwarded-Proto": "http"})
        assert plain.status_code == 301
        assert plain.headers["location"].startswith("https://")


def test_a_stranger_is_not(installed: Path) -> None:
    with behind_tls(installed, proxy=NOBODY) as client:
        for said in (SAID, {"X-Forwarded-Proto": "https, https"}, {"Forwarded": "proto=https"}, {}):
            answer = client.get(PAGE, headers=said)
            assert answer.status_code == 301, said
            assert "strict-transport-security" not in answer.headers
        assert client.get("/livez").status_code == 200  # probes speak plain HTTP
