"""The load generator against a real server: every outcome is counted once, under its kind."""

import asyncio
from collections import Counter

import pytest

from predictions.measure.errors import Unreachable
from predictions.measure.load import Plan, Tally, check_reachable, generate, send_watched
from tests.measure.server import serving


def outcome(url, *, requests=10, concurrency=3, bodies=(b"{}",), **options):
    tally = Tally()
    plan = Plan(url=url, bodies=bodies, requests=requests, concurrency=concurrency, **options)
    asyncio.run(generate(plan, tally))
    return tally.report()


def test_every_success_is_counted(server):
    report = outcome(f"{server.url}/ok", requests=37, concurrency=5)
    assert (report.total, report.successful, report.failed) == (37, 37, {})
    assert 0 < report.latency_ms.p50 <= report.latency_ms.max <= report.total_time_s * 1000


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/status/422", "status 422"),
        ("/status/503", "status 503"),
        ("/status/301", "status 301"),
        ("/closed", "connection closed"),
        ("/garbage", "answer is not HTTP"),
    ],
)
def test_failures_are_counted_by_kind(server, path, kind):
    report = outcome(server.url + path, requests=10)
    assert (report.total, report.successful, report.failed) == (10, 0, {kind: 10})


def test_a_slow_answer_is_a_timeout(server):
    report = outcome(f"{server.url}/slow", requests=4, concurrency=4, timeout_s=0.2)
    assert report.failed == {"timeout": 4}


def test_a_closed_port_is_connection_refused(closed_port):
    report = outcome(f"http://127.0.0.1:{closed_port}/ok", requests=6)
    assert report.failed == {"connection refused": 6}


def test_mixed_outcomes_are_told_apart_exactly(server):
    bodies = [str(n).encode() for n in range(5)]
    report = outcome(f"{server.url}/mixed", requests=100, concurrency=8, bodies=bodies)
    assert report.successful == 40
    assert report.failed == {"status 422": 20, "status 503": 20, "connection closed": 20}


def test_bodies_are_sent_in_turn(server):
    outcome(f"{server.url}/ok", requests=7, bodies=(b"1", b"2", b"3"))
    assert Counter(server.bodies) == {b"1": 3, b"2": 2, b"3": 2}


def test_headers_and_content_type_are_sent(server):
    outcome(f"{server.url}/ok", requests=1, headers={"Authorization": "Bearer k"})
    assert server.headers[0]["Authorization"] == "Bearer k"
    assert server.headers[0]["Content-Type"] == "application/json"


def test_exactly_the_asked_number_is_in_flight():
    with serving(together=7) as seen:  # the server answers only when seven are there
        report = outcome(f"{seen.url}/barrier", requests=70, concurrency=7, timeout_s=60)
    assert report.successful == 70
    assert seen.most_in_flight == 7


def test_no_more_are_sent_than_asked_with_many_in_flight(server):
    report = outcome(f"{server.url}/ok", requests=3, concurrency=50)
    assert report.total == len(server.bodies) == 3


def test_an_interrupted_run_reports_what_was_measured(server):
    tally, reached = Tally(), 25
    plan = Plan(url=f"{server.url}/ok", bodies=(b"{}",), requests=100_000, concurrency=2)

    async def until_cancelled():
        sending = asyncio.current_task()
        await generate(plan, tally, lambda: len(tally.durations_s) >= reached and sending.cancel())

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(until_cancelled())
    report = tally.report()
    assert reached <= report.total < 1000
    assert report.total_time_s > 0


def test_reachability_names_the_address(server, closed_port):
    check_reachable(server.url)
    with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{closed_port} \(Connection refused\)"):
        check_reachable(f"http://127.0.0.1:{closed_port}/x")


def test_an_unknown_host_is_unreachable():
    with pytest.raises(Unreachable, match=r"nowhere\.invalid:80"):
        check_reachable("http://nowhere.invalid/")


def test_whoever_watches_sees_the_count_grow(server):
    tally, seen = Tally(), []
    plan = Plan(url=f"{server.url}/ok", bodies=(b"{}",), requests=3000, concurrency=4)
    send_watched(plan, tally, lambda: seen.append(tally.total))
    assert tally.report().successful == 3000
    assert seen == sorted(seen)


def test_whoever_watches_can_end_it_while_no_answer_comes(server):
    def enough():
        if server.in_flight:
            raise KeyError("enough")

    plan = Plan(url=f"{server.url}/slow", bodies=(b"{}",), requests=8, concurrency=4)
    tally = Tally()
    with pytest.raises(KeyError, match="enough"):
        send_watched(plan, tally, enough)
    assert tally.total == 0


def test_a_fault_of_the_sender_is_raised_where_it_is_watched(server):
    plan = Plan(url=f"{server.url}/ok", bodies=(b"{}",), requests=1, concurrency=1)
    with pytest.raises(KeyError, match="no clock"):
        send_watched(plan, Tally(clock=lambda: {}["no clock"]), lambda: None)
