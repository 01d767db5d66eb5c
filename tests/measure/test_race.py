"""The benchmark's own parts: what wrk prints, what its script sends, what figures mean."""

import subprocess

import pytest

from benchmarks import wrk
from benchmarks.iris import iris
from benchmarks.results import Measured, doubts, ratio, result
from benchmarks.run import Options, cores, main, race
from benchmarks.servers import ROOT
from tests.measure.server import serving

# Printed by wrk 4.1.0: a quick server, one that answers 503, one that hangs up.
QUICK = """\
Running 2s test @ http://127.0.0.1:39021/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.87ms    1.28ms  15.85ms   70.53%
    Req/Sec    20.94k     4.28k   30.57k    80.00%
  Latency Distribution
     50%    2.62ms
     75%    3.58ms
     90%    4.55ms
     99%    6.79ms
  41795 requests in 2.01s, 6.98MB read
Requests/sec:  20762.95
Transfer/sec:      3.47MB
"""
REFUSING = """\
Running 1s test @ http://127.0.0.1:8772/predict-async
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.06ms    2.66ms  30.40ms   94.80%
    Req/Sec    25.67k     8.11k   46.44k    90.00%
  Latency Distribution
     50%  155.00us
     75%    1.20ms
     90%    2.70ms
     99%   15.60ms
  25475 requests in 1.00s, 0.90MB read
  Non-2xx or 3xx responses: 25475
Requests/sec:  25377.07
Transfer/sec:      0.90MB
"""
HANGING_UP = """\
Running 1s test @ http://127.0.0.1:8771/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.00us    0.00us   0.00us    -nan%
    Req/Sec     0.00      0.00     0.00      -nan%
  Latency Distribution
     50%    0.00us
     75%    0.00us
     90%    0.00us
     99%    0.00us
  0 requests in 1.00s, 0.00B read
  Socket errors: connect 0, read 4415, write 0, timeout 0
Requests/sec:      0.00
Transfer/sec:       0.00B
"""

needs_wrk = pytest.mark.skipif(not wrk.installed(), reason=wrk.MISSING)


def run(requests_per_s, failed=0):
    figures = {"requests_per_s": requests_per_s, "requests": 10, "failed": failed}
    return Measured(run=wrk.Run(p50_ms=1, p99_ms=2, **figures), cpu_us_per_request=5)


def test_figures_of_a_quick_server_are_read():
    read = wrk.parse(QUICK)
    assert (read.requests_per_s, read.p50_ms, read.p99_ms) == (20762.95, 2.62, 6.79)
    assert (read.requests, read.failed) == (41795, 0)


def test_refusals_count_as_failed_and_microseconds_are_converted():
    read = wrk.parse(REFUSING)
    assert (read.requests, read.failed, read.p99_ms) == (25475, 25475, 15.6)
    assert read.p50_ms == pytest.approx(0.155)


def test_socket_errors_count_as_failed():
    assert wrk.parse(HANGING_UP).failed == 4415


def test_output_without_figures_is_an_error():
    with pytest.raises(ValueError, match="wrk printed nothing like"):
        wrk.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


@needs_wrk
def test_the_script_sends_every_body_in_turn(tmp_path):
    bodies = [b'{"features": [5.1, 3.5]}', b'{"text": "]] and \\\\ \\" stay"}', b"[]"]
    script = tmp_path / "turns.lua"
    script.write_text(wrk.script(bodies))
    with serving() as seen:
        measured = wrk.run(f"{seen.url}/ok", script, connections=1, seconds=1, cpu=cores()[1])
    assert measured.failed == 0
    assert measured.requests > len(bodies)
    first = bodies.index(seen.bodies[0])  # wrk itself takes one to look at
    assert seen.bodies[:6] == [bodies[(first + turn) % 3] for turn in range(6)]
    assert seen.headers[0]["Content-Type"] == "application/json"


def test_ratios_pair_the_runs_of_a_round():
    slow_machine = [run(10), run(5), run(100)]
    other = [run(5), run(2), run(50)]
    assert ratio(result("a", slow_machine), result("b", other)) == 2


def test_medians_are_over_rounds_and_failures_are_summed():
    measured = result("a", [run(10), run(30, failed=2), run(20, failed=1)])
    assert (measured.requests_per_s, measured.failed) == (20, 3)


@pytest.mark.parametrize(
    ("hello", "lane", "failed", "reasons"),
    [(60, 30, 0, 0), (60, 30, 3, 1), (20, 30, 0, 1), (200, 30, 1, 2), (60, 24, 0, 1)],
)
def test_unlikely_figures_are_doubted(hello, lane, failed, reasons):
    results = [
        result("hello-world", [run(hello)]),
        result("tutorial app", [run(10, failed=failed)]),
        result("/predict-async", [run(lane)]),
    ]
    assert len(doubts(results)) == reasons


def test_the_rows_of_the_race_are_many_and_all_labels_occur():
    model = iris(500)
    assert len(set(model.rows)) == 500
    assert set(model.labels) == {0, 1, 2}
    assert len(model.labels) == 500


def test_without_wrk_one_line_says_how_to_get_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 2
    assert capsys.readouterr().err == f"bench: {wrk.MISSING}\n"


@needs_wrk
@pytest.mark.stack
@pytest.mark.timeout(300)  # the tutorial app's packages are installed first
def test_every_side_answers_rightly_under_load(tmp_path):
    subprocess.run(["make", "-s", "benchmarks/.venv/stamp"], cwd=ROOT, check=True, timeout=200)
    results = race(Options(rounds=1, seconds=1, connections=16), tmp_path, print)
    assert {r.side: r.failed for r in results} == dict.fromkeys(
        ["hello-world", "tutorial app", "/predict-async", "/predict-batched", "native predict"], 0
    )
    assert all(r.requests_per_s > 0 and r.cpu_us_per_request > 0 for r in results)
