"""What was counted, by all processes that share a metrics folder; and a small server of it.

The server is for processes that are no web server and have a container of their own.
"""

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import psutil
from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app, multiprocess
from prometheus_client.registry import Collector

PATH = "/metrics"
PATIENCE_S = 5.0  # with one who connects and asks nothing


def counted(*more: Collector) -> CollectorRegistry:
    """This process's registry, or all processes' sums where they share a folder, with `more`."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is None:
        return REGISTRY
    _forget_dead(Path(folder))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    for collector in more:
        registry.register(collector)
    return registry


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def has_token(authorization: str, token: str) -> bool:
    """Whether the header carries the token; an empty token admits nobody."""
    return bool(token) and secrets.compare_digest(
        authorization.encode(), f"Bearer {token}".encode()
    )


def serve_where_asked(address: tuple[str, int] | None, *, token: str) -> str | None:
    """Serve at `address` if there is one. None, or why that cannot be, as a line for a person."""
    if address is None:
        return None
    host, port = address
    try:
        serve(host, port, token=token)
    except OSError as error:
        return f"MLAPI_METRICS_ADDRESS {host}:{port} cannot be listened on: {error.strerror}."
    return None


def serve(host: str, port: int, *, token: str) -> WSGIServer:
    """Answer GET /metrics from a thread of its own. Raises OSError where the port is taken."""
    kind = _Server6 if ":" in host else _Server
    server = kind((host, port), _Request)
    server.set_app(application(token))
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def application(token: str) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """The WSGI application: for loopback, or for those who send the token."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return _refuse(start, "404 Not Found")
        given = environ.get("HTTP_AUTHORIZATION", "")
        if not (is_loopback(environ["REMOTE_ADDR"]) or has_token(given, token)):
            return _refuse(start, "401 Unauthorized", ("WWW-Authenticate", "Bearer"))
        answered: Iterable[bytes] = make_wsgi_app(counted())(environ, start)
        return answered

    return answer


def _refuse(start: Callable[..., Any], status: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain"), ("Content-Length", "0"), *headers])
    return []


def _forget_dead(folder: Path) -> None:
    """Live gauges of processes that were killed: they cannot take their values back."""
    for file in folder.glob("gauge_live*.db"):
        pid = re.search(r"_(\d+)\.db$", file.name)
        if pid and not psutil.pid_exists(int(pid[1])):
            multiprocess.mark_process_dead(int(pid[1]), str(folder))  # type: ignore[no-untyped-call]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Request(WSGIRequestHandler):
    timeout = PATIENCE_S

    def log_message(self, *_: object) -> None:
        """Nothing: scrapes are no news."""
