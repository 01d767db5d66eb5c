"""The tutorial's five metrics, added up over several web processes."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Install
from tests.running import Stack, running, until

pytestmark = pytest.mark.stack
BODY = {"features": [5.1, 3.5, 1.4, 0.2]}


def scraped(stack: Stack) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = httpx.get(f"{stack.base_url}/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(stack: Stack, name: str, **labels: str) -> float:
    return scraped(stack).get((name, tuple(sorted(labels.items()))), 0.0)


def test_requests_are_counted_once_whichever_process_answered(install: Install) -> None:
    with running(install("counted"), "--no-worker", MLAPI_WORKERS="2") as nobody_else_asks:
        url = nobody_else_asks.base_url
        for number in range(120):
            with httpx.Client(base_url=url) as fresh:  # connections spread over processes
                assert fresh.post("/predict-async", json=BODY).status_code == 200
                if number % 3 == 0:
                    assert fresh.post("/predict-async", json={}).status_code == 422
                if number % 4 == 0:
                    assert fresh.post("/predict-sync", json=BODY).status_code == 200

        def counted() -> list[float]:
            samples = scraped(nobody_else_asks)
            return [
                samples.get(
                    ("requests_total", (("endpoint", f"/{endpoint}"), ("status", status))), 0.0
                )
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
    for path in ("/no-such-place", "/api/v1/models/no-such-model/predict"):
        httpx.post(stack.base_url + path, json=BODY)
    httpx.request("NOSUCHMETHOD", f"{stack.base_url}/livez")
    text = httpx.get(f"{stack.base_url}/metrics").text
    assert "no-such" not in text
    assert "NOSUCHMETHOD" not in text
