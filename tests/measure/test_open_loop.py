"""Open-loop load against a real server: sent when it is due, counted by what became of it."""

from benchmarks.open_loop import Load, offer, request_bytes


def offered(url, *, rate=400.0, seconds=0.5, patience_s=10.0):
    requests = [request_bytes(url, {"X-Who": "bench"}, body) for body in (b"1", b"[2, 3]")]
    load = Load(url=url, requests=requests, rate=rate, seconds=seconds, patience_s=patience_s)
    return offer(load)


def test_every_request_is_sent_though_none_is_answered(server):
    outcomes = offered(f"{server.url}/slow", patience_s=0.5)
    assert server.most_in_flight == outcomes.offered > 100
    assert outcomes.other == outcomes.offered


def test_answers_are_timed_and_bodies_sent_in_turn(server):
    outcomes = offered(f"{server.url}/ok")
    assert len(outcomes.accepted_s) == outcomes.offered == len(server.bodies)
    assert min(outcomes.accepted_s) > 0
    assert {*server.bodies} == {b"1", b"[2, 3]"}
    assert abs(server.bodies.count(b"1") - outcomes.offered / 2) <= 1
    assert server.headers[0]["X-Who"] == "bench"


def test_a_refusal_counts_as_one_only_if_it_says_when_to_come_back(server):
    proper, bare = offered(f"{server.url}/full"), offered(f"{server.url}/status/503")
    assert len(proper.refused_s) == proper.offered > 100
    assert (len(bare.refused_s), bare.other) == (0, bare.offered)


def test_broken_connections_are_counted_and_nobody_waits_for_them(server):
    outcomes = offered(f"{server.url}/closed", patience_s=1000.0)
    assert outcomes.other == outcomes.offered > 100


def test_a_server_that_is_not_there_leaves_all_unanswered(closed_port):
    outcomes = offered(f"http://127.0.0.1:{closed_port}/", patience_s=1000.0)
    assert outcomes.other == outcomes.offered > 100
