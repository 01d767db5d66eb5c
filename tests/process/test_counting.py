"""The lane's counts reach the metrics whole, whoever reads them and when."""

import threading

from prometheus_client import REGISTRY

from mlapi.observability import BUCKETS, LaneMeter, RequestIds, template_of


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_counts_and_durations_arrive_with_a_fold() -> None:
    meter = LaneMeter()
    for seconds in (0.0001, 0.003, 99.0):
        meter.begin()
        meter.end("/fold", "POST", success=seconds < 1, seconds=seconds)
    assert value("requests_total", endpoint="/fold", status="success") == 0
    meter.fold()
    assert value("requests_total", endpoint="/fold", status="success") == 2
    assert value("requests_total", endpoint="/fold", status="error") == 1
    labels = {"endpoint": "/fold", "method": "POST"}
    assert value("request_duration_seconds_count", **labels) == 3
    assert value("request_duration_seconds_sum", **labels) == 99.0031
    assert value("request_duration_seconds_bucket", **labels, le=str(BUCKETS[0])) == 1
    assert value("request_duration_seconds_bucket", **labels, le="10.0") == 2
    assert value("request_duration_seconds_bucket", **labels, le="+Inf") == 3


def test_folding_twice_counts_once() -> None:
    meter = LaneMeter()
    meter.begin()
    meter.end("/twice", "POST", success=True, seconds=0.1)
    meter.fold()
    meter.fold()
    assert value("requests_total", endpoint="/twice", status="success") == 1


def test_requests_under_way_are_a_gauge() -> None:
    before, meter = value("concurrent_requests"), LaneMeter()
    meter.begin()
    meter.begin()
    meter.fold()
    assert value("concurrent_requests") == before + 2
    meter.end("/gauge", "GET", success=True, seconds=0.1)
    meter.end("/gauge", "GET", success=True, seconds=0.1)
    meter.fold()
    assert value("concurrent_requests") == before


def test_nothing_is_lost_between_the_loop_and_those_who_fold() -> None:
    meter, over = LaneMeter(), threading.Event()

    def fold_on() -> None:
        while not over.is_set():
            meter.fold()

    folders = [threading.Thread(target=fold_on) for _ in range(2)]
    for thread in folders:
        thread.start()
    for _ in range(100_000):
        meter.begin()
        meter.end("/race", "POST", success=True, seconds=0.002)
    over.set()
    for thread in folders:
        thread.join()
    meter.fold()
    assert value("requests_total", endpoint="/race", status="success") == 100_000
    labels = {"endpoint": "/race", "method": "POST"}
    assert value("request_duration_seconds_count", **labels) == 100_000


def test_request_ids_are_the_clients_plain_word_or_one_of_ours() -> None:
    make = RequestIds()
    assert make(b"trace-1.A_b") == "trace-1.A_b"
    strange = [make(given) for given in (None, b"", b"a b", b"\n", b"x" * 65, "ü".encode())]
    assert len(set(strange)) == len(strange)
    assert all(name.isascii() and " " not in name for name in strange)


def test_an_endpoint_is_a_route_as_people_write_it() -> None:
    assert template_of(r"^predict-sync/?$") == "/predict-sync"
    assert template_of(r"^api/v1/models/(?P<name>[^/]+)/versions/?$") == (
        "/api/v1/models/{name}/versions"
    )
    assert template_of("admin/<path:object_id>/change/") == "/admin/{object_id}/change/"
    assert template_of("") == "/"
