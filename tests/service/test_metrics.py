"""What several web processes counted, added up: the tutorial's five metrics, and each model's."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Install
from tests.running import Stack, running, until

pytestmark = pytest.mark.stack
BODY = {"features": [5.1, 3.5, 1.4, 0.2]}
ROWS = {"rows": [[5.1, 3.5, 1.4, 0.2]] * 3}
NATIVE = "/api/v1/models/{name}/predict".format
SLOW = "diabetes"  # a model with one place in each process, whose rows wait there for others


def scraped(stack: Stack) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = httpx.get(f"{stack.base_url}/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(stack: Stack, name: str, **labels: str) -> float:
    return scraped(stack).get((name, tuple(sorted(labels.items()))), 0.0)


@pytest.fixture(scope="module")
def asked(install: Install) -> Iterator[Stack]:
    """Two processes that nobody else asks, after 190 requests on 120 connections."""
    data_dir = install("counted")
    with closing(sqlite3.connect(data_dir / "mlapi.sqlite3")) as database, database:
        served = "max_wait_ms=60000, max_queue_rows=1"
        database.execute(f"UPDATE modelregistry_registeredmodel SET {served} WHERE name='{SLOW}'")
    with running(data_dir, "--no-worker", MLAPI_WORKERS="2") as nobody_else_asks:
        for number in range(120):
            # connections spread over processes
            with httpx.Client(base_url=nobody_else_asks.base_url) as fresh:
                assert fresh.post("/predict-async", json=BODY).status_code == 200
                if number % 3 == 0:
                    assert fresh.post("/predict-async", json={}).status_code == 422
                if number % 4 == 0:
                    assert fresh.post("/predict-sync", json=BODY).status_code == 200
        yield nobody_else_asks


def test_requests_are_counted_once_whichever_process_answered(asked: Stack) -> None:
    def counted() -> list[float]:
        samples = scraped(asked)
        return [
            samples.get(("requests_total", (("endpoint", f"/{endpoint}"), ("status", status))), 0.0)
            for endpoint, status in (
                ("predict-async", "success"),
                ("predict-async", "error"),
                ("predict-sync", "success"),
                ("predict-sync", "error"),
            )
        ]

    wanted = [120.0, 40.0, 30.0, 0.0]
    until(lambda: sum(counted()) >= sum(wanted), 30, "all are counted")
    assert counted() == wanted


def settled(stack: Stack, wanted: float, name: str, **labels: str) -> None:
    """It comes to that once the other process has folded its share, and stays there."""
    until(lambda: value(stack, name, **labels) >= wanted, 30, f"{name} {labels}")
    assert value(stack, name, **labels) == wanted


def test_every_request_on_the_lane_has_its_phases_and_every_run_its_rows(asked: Stack) -> None:
    for _ in range(20):
        with httpx.Client(base_url=asked.base_url) as fresh:
            assert fresh.post(NATIVE(name="iris"), json=ROWS).status_code == 200
    for phase in ("queue", "assembly", "inference", "encode"):
        settled(asked, 140, "prediction_phase_seconds_count", model="iris", phase=phase)
        assert value(asked, "prediction_phase_seconds_sum", model="iris", phase=phase) > 0
    settled(asked, 120, "prediction_batch_rows_bucket", model="iris", le="1.0")
    settled(asked, 140, "prediction_batch_rows_bucket", model="iris", le="4.0")
    settled(asked, 120 + 20 * 3, "prediction_batch_rows_sum", model="iris")
    assert value(asked, "prediction_queue_rows", model="iris") == 0


def test_those_who_are_late_are_counted_once_for_their_model(asked: Stack) -> None:
    for _ in range(20):
        with httpx.Client(base_url=asked.base_url) as fresh:
            late = fresh.post(
                NATIVE(name="iris"), json=ROWS, headers={"Request-Timeout": "0.000001"}
            )
            assert late.status_code == 504
    settled(asked, 20, "predictions_expired_total", model="iris")


@contextmanager
def waiting(stack: Stack, timeout_s: float) -> Iterator[socket.socket]:
    """A connection whose row waits for others that never come, if there is a place for it."""
    body = json.dumps({"rows": [[0.01] * 10]}).encode()
    head = (
        f"POST {NATIVE(name=SLOW)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Request-Timeout: {timeout_s}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", urlsplit(stack.base_url).port)) as connection:
        connection.sendall(head.encode() + body)
        yield connection


def test_clients_that_leave_and_those_without_a_place_are_counted_once(asked: Stack) -> None:
    for left in range(1, 4):
        with waiting(asked, 60):
            settled(asked, 1, "prediction_queue_rows", model=SLOW)
        settled(asked, left, "predictions_cancelled_total", model=SLOW)
    with ExitStack() as all_at_once:
        callers = [all_at_once.enter_context(waiting(asked, 1)) for _ in range(8)]
        statuses = [caller.makefile("rb").readline().split()[1] for caller in callers]
    assert set(statuses) == {b"503", b"504"}
    settled(asked, statuses.count(b"503"), "predictions_rejected_total", model=SLOW)
    settled(asked, statuses.count(b"504"), "predictions_expired_total", model=SLOW)
    assert value(asked, "predictions_cancelled_total", model=SLOW) == 3
    until(lambda: value(asked, "prediction_queue_rows", model=SLOW) == 0, 30, "all places free")
    assert value(asked, "prediction_phase_seconds_count", model=SLOW, phase="queue") == 0


KINDS = {
    *("predict_task", "batch_predict_task", "load_test_task", "retrain_model_task"),
    *("convert_model_task", "compare_versions_task", "ingest_version_task"),
}


def labels_of(stack: Stack, name: str) -> set[tuple[str, ...]]:
    return {tuple(value for _, value in labels) for n, labels in scraped(stack) if n == name}


def test_what_no_job_has_come_to_yet_is_counted_from_zero(stack: Stack) -> None:
    every = {(kind, end) for kind in KINDS for end in ("succeeded", "failed", "cancelled", "dead")}
    until(lambda: labels_of(stack, "jobs_finished_total") >= every, 30, "every kind and end")
    until(lambda: labels_of(stack, "jobs_rescued_total") >= {(k,) for k in KINDS}, 30, "dispatch")
    assert value(stack, "jobs_rescued_total", kind="load_test_task") == 0
    reasons = {("malformed",), ("unknown_task",), ("no_row",), ("wrong_arguments",)}
    until(lambda: labels_of(stack, "jobs_quarantined_total") == reasons, 30, "the worker")


def test_durations_of_both_planes_are_histograms_by_endpoint_and_method(stack: Stack) -> None:
    httpx.post(f"{stack.base_url}/predict-async", json=BODY)
    labels = {"endpoint": "/predict-async", "method": "POST"}
    for figure in ("count", "sum"):
        name = f"request_duration_seconds_{figure}"
        until(lambda n=name: value(stack, n, **labels) > 0, 30, "a duration")


def test_gauges_of_load_and_machine_are_there(stack: Stack) -> None:
    assert 0 <= value(stack, "system_memory_percent") <= 100
    assert 0 <= value(stack, "system_cpu_percent") <= 100
    assert ("concurrent_requests", ()) in scraped(stack)


def test_labels_come_from_routes_never_from_clients(stack: Stack) -> None:
    models = ("no-such-model", "no-such-model/versions/1", "no-such-model@champion")
    for path in ("/no-such-place", *(NATIVE(name=address) for address in models)):
        httpx.post(stack.base_url + path, json=BODY)
    httpx.request("NOSUCHMETHOD", f"{stack.base_url}/livez")
    text = httpx.get(f"{stack.base_url}/metrics").text
    assert "no-such" not in text
    assert "NOSUCHMETHOD" not in text
