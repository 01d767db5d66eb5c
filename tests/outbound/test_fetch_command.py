"""`manage.py fetch`, as an operator runs it, against a real server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.running import free_port, manage


@dataclass
class Asked:
    url: str
    paths: list[str] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)


@pytest.fixture
def source() -> Iterator[Asked]:
    """A server that keeps connections open, in threads: the command is another process."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.paths.append(self.path)
            asked.connections.add(self.client_address)
            body = b'{"rate": 1.5, "note": "\\u001b[31m\xc2\x9bred"}'
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the test looks at what was asked."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        asked = Asked(f"http://127.0.0.1:{server.server_port}/")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield asked
        server.shutdown()
        thread.join()


def fetched(tmp_path: Path, *words: str) -> tuple[object, dict[str, str]]:
    """The document, and the report by its first words."""
    done = manage(tmp_path / "var", "fetch", *words)
    assert done.returncode == 0, done
    value, end = json.JSONDecoder().raw_decode(done.stdout)
    assert "\x1b" not in done.stdout
    assert "\x9b" not in done.stdout
    lines = done.stdout[end:].strip().splitlines()
    return value, {line[:13].strip(): line[13:] for line in lines}


def test_it_prints_the_document_the_times_and_what_the_cache_saved(
    tmp_path: Path, source: Asked
) -> None:
    value, report = fetched(tmp_path, source.url, "--repeat", "5", "--allow-private")
    assert value == {"rate": 1.5, "note": "\x1b[31m\x9bred"}
    assert (report["fetches"], report["cache hits"], report["connections"]) == ("5", "4", "1")
    times = [float(time) for time in report["times"].removesuffix(" ms").split(", ")]
    assert len(times) == 5
    assert max(times[1:]) < times[0], "what is kept comes faster than what is asked for"
    assert source.paths == ["/"]


def test_without_cache_the_server_is_asked_each_time_over_one_connection(
    tmp_path: Path, source: Asked
) -> None:
    words = ("--repeat", "12", "--no-cache", "--allow-private")
    _, report = fetched(tmp_path, source.url, *words)
    assert (report["fetches"], report["cache hits"], report["connections"]) == ("12", "0", "1")
    assert report["times"].startswith("first ")
    assert len(source.paths) == 12
    assert len(source.connections) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_refused_unless_it_is_allowed(
    tmp_path: Path, source: Asked, host: str
) -> None:
    done = manage(tmp_path / "var", "fetch", source.url.replace("127.0.0.1", host))
    assert (done.returncode, done.stdout) == (1, "")
    assert "not public" in done.stderr or "not a public" in done.stderr
    assert "--allow-private permits it" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert source.paths == []


def test_each_failure_is_one_line(tmp_path: Path, source: Asked) -> None:
    urls = {
        f"{source.url}missing": "answered with status 404",
        f"http://127.0.0.1:{free_port()}/": "could not be asked",
        "http://ada:sesame@127.0.0.1/": "credentials",
        "not a url": "begins with http",
    }
    for url, words in urls.items():
        done = manage(tmp_path / "var", "fetch", url, "--allow-private")
        assert (done.returncode, done.stdout) == (1, ""), url
        assert words in done.stderr
        assert "sesame" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_senseless_number_of_repeats_is_a_usage_error(tmp_path: Path) -> None:
    for number in ("0", "-1", "many"):
        done = manage(tmp_path / "var", "fetch", "http://h/", f"--repeat={number}")
        assert done.returncode == 2
        assert "at least 1" in done.stderr
