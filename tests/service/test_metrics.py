"""The tutorial's five metrics, added up over several web processes."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.running import Stack, until

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


def test_requests_are_counted_once_whichever_process_answered(stack: Stack) -> None:
    names = {
        "good": {"endpoint": "/predict-async", "status": "success"},
        "bad": {"endpoint": "/predict-async", "status": "error"},
        "django": {"endpoint": "/predict-sync", "status": "success"},
    }
    before = {key: value(stack, "requests_total", **labels) for key, labels in names.items()}
    for number in range(120):
        with httpx.Client(base_url=stack.base_url) as fresh:  # connections spread over processes
            assert fresh.post("/predict-async", json=BODY).status_code == 200
            if number % 3 == 0:
                assert fresh.post("/predict-async", json={}).status_code == 422
            if number % 4 == 0:
                assert fresh.post("/predict-sync", json=BODY).status_code == 200

    def counted() -> dict[str, float]:
        return {
            key: value(stack, "requests_total", **labels) - before[key]
            for key, labels in names.items()
        }

    wanted = {"good": 120.0, "bad": 40.0, "django": 30.0}
    until(lambda: counted() == wanted, 5, "the counts add up")


def test_durations_of_both_planes_are_histograms_by_endpoint_and_method(stack: Stack) -> None:
    httpx.post(f"{stack.base_url}/predict-async", json=BODY)
    labels = {"endpoint": "/predict-async", "method": "POST"}
    until(lambda: value(stack, "request_duration_seconds_count", **labels) > 0, 5, "a duration")
    assert value(stack, "request_duration_seconds_sum", **labels) > 0


def test_gauges_of_load_and_machine_are_there(stack: Stack) -> None:
    assert 0 <= value(stack, "system_memory_percent") <= 100
    assert 0 <= value(stack, "system_cpu_percent") <= 100
    assert ("concurrent_requests", ()) in scraped(stack)


def test_labels_come_from_routes_never_from_clients(stack: Stack) -> None:
    for path in ("/no-such-place-4711", "/api/v1/models/no-such-model-4711/predict"):
        httpx.post(stack.base_url + path, json=BODY)
    httpx.request("NOSUCHMETHOD", f"{stack.base_url}/livez")
    text = httpx.get(f"{stack.base_url}/metrics").text
    assert "4711" not in text
    assert "NOSUCHMETHOD" not in text
