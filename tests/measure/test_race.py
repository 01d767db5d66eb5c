"""The benchmark's own parts: what wrk prints, what its script sends, what figures mean."""

import json
import subprocess
import sys
from dataclasses import asdict, replace

import psutil
import pytest

from benchmarks import wrk
from benchmarks.cases import Case, cores, one_core, two_workers
from benchmarks.models import IN_TURN, MANY, Model, medium, small
from benchmarks.overload import Offered, Overload
from benchmarks.parts import Options, measure_parts
from benchmarks.promises import of_overload, of_race, of_scaling
from benchmarks.results import Measured, doubts, failures, pick, ratio, result, times_cpu
from benchmarks.run import draw, main
from benchmarks.servers import ROOT, Running
from benchmarks.sides import hello, native, of_default_model, tutorial
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


MODEL = Model(name="iris", onnx=b"", rows=[(1.0, 2.0)], labels=[0], singles=1)
SIDES = {
    "hello-world": hello(MODEL),
    "tutorial app": tutorial(MODEL),
    "/predict-async": of_default_model(MODEL, "/predict-async", "/predict-async", {}),
    "native predict": native(MODEL, {}),
}


def run(requests_per_s, failed=0, p99_ms=2, cpu_us=5):
    figures = {"requests_per_s": requests_per_s, "requests": 10, "failed": failed}
    return Measured(run=wrk.Run(p50_ms=1, p99_ms=p99_ms, **figures), cpu_us_per_request=cpu_us)


def results_of(side, *runs, layout=None):
    case = Case(side=SIDES[side], layout=layout or one_core(), connections=64)
    return result(case, runs)


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
        measured = wrk.run(f"{seen.url}/ok", script, connections=1, seconds=1, cpus={cores()[1]})
    assert measured.failed == 0
    assert measured.requests > len(bodies)
    first = bodies.index(seen.bodies[0])  # wrk itself takes one to look at
    assert seen.bodies[:6] == [bodies[(first + turn) % 3] for turn in range(6)]
    assert seen.headers[0]["Content-Type"] == "application/json"


def test_ratios_pair_the_runs_of_a_round():
    slow_machine = [run(10, cpu_us=8), run(5, cpu_us=16), run(100, cpu_us=1)]
    other = [run(5, cpu_us=4), run(2, cpu_us=8), run(50, cpu_us=0.5)]
    lane, hello_world = (
        results_of("/predict-async", *slow_machine),
        results_of("hello-world", *other),
    )
    assert ratio(lane, hello_world) == 2
    assert times_cpu(lane, hello_world) == 2


def test_medians_are_over_rounds_and_failures_are_summed():
    measured = results_of("hello-world", run(10), run(30, failed=2), run(20, failed=1))
    assert (measured.requests_per_s, measured.failed) == (20, 3)


def test_a_result_is_picked_by_all_that_names_it():
    one, two = (
        results_of("/predict-async", run(1), layout=to) for to in (one_core(), two_workers())
    )
    assert pick([one, two], side="/predict-async", layout="two workers") is two
    with pytest.raises(ValueError, match="2 results"):
        pick([one, two], side="/predict-async")


@pytest.mark.parametrize(
    ("hello", "lane", "failed", "reasons"),
    [(60, 30, 0, 0), (60, 30, 3, 1), (20, 30, 0, 1), (200, 30, 1, 2), (60, 24, 0, 1)],
)
def test_unlikely_figures_are_doubted(hello, lane, failed, reasons):
    results = [
        results_of("hello-world", run(hello)),
        results_of("tutorial app", run(10, failed=failed)),
        results_of("/predict-async", run(lane)),
    ]
    assert len([*failures(results), *doubts(results)]) == reasons


@pytest.mark.parametrize(
    ("lane", "p99_ms", "met"),
    [(36, 4, [True, True, True]), (34, 6, [False, True, False]), (29, 5, [False, False, True])],
)
def test_the_race_is_held_to_what_was_promised(lane, p99_ms, met):
    results = [
        results_of("hello-world", run(60)),
        results_of("tutorial app", run(10, p99_ms=10)),
        results_of("/predict-async", run(lane, p99_ms=p99_ms)),
    ]
    assert [verdict.met for verdict in of_race(results)] == met


@pytest.mark.parametrize(("cpu_us", "met"), [(5.4, True), (5.6, False)])
def test_two_workers_are_held_to_what_one_needs(cpu_us, met):
    one, two = one_core(), two_workers()
    results = [
        results_of(side, run(speed, cpu_us=cpu), layout=layout)
        for side in ("/predict-async", "native predict")
        for layout, speed, cpu in ((one, 10, 5), (two, 14, cpu_us))
    ]
    cpu, *told = of_scaling(results)
    assert cpu.met is met
    assert ["1.40 times" in verdict.figure for verdict in told] == [True, True]


def stretch(**figures):
    usual = dict.fromkeys(Offered.__slots__, 0)
    return Offered(**{**usual, "accepted_p99_ms": 20, "refused_p50_ms": 10, **figures})


@pytest.mark.parametrize(
    ("over", "grown_mb", "met"),
    [
        ({"accepted_p99_ms": 39}, 3, [True, True, True, True]),
        ({"accepted_p99_ms": 41}, 5, [False, True, True, False]),
        ({"refused_p50_ms": 51, "other": 1}, 0, [True, False, False, True]),
        ({"accepted_p99_ms": 0}, 0, [False, True, True, True]),  # nothing was accepted
    ],
)
def test_overload_is_held_to_what_was_promised(over, grown_mb, met):
    figures = {"capacity_per_s": 100, "grown_mb": grown_mb, "processes": 2}
    measured = Overload(at=(stretch(),), over=(stretch(**over),), **figures)
    assert [verdict.met for verdict in of_overload(measured)] == met


def test_a_load_tool_that_was_late_itself_is_doubted():
    figures = {"capacity_per_s": 100, "grown_mb": 0, "processes": 2}
    in_time = Overload(at=(stretch(late_p99_ms=9),), over=(stretch(),), **figures)
    late = Overload(at=(stretch(),), over=(stretch(late_p99_ms=11),), **figures)
    assert (len(in_time.doubts()), len(late.doubts())) == (0, 1)


def test_processor_time_and_memory_are_those_of_all_processes():
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as both:
        both.stdout.readline()
        server = Running("", psutil.Process(both.pid))
        assert server.processes() == 2
        assert server.cpu_s() > 0.3
        assert server.memory_mb() > psutil.Process(both.pid).memory_full_info().uss / 1e6
        both.communicate(b"\n")


def test_the_rows_of_the_race_are_many_and_all_labels_occur():
    model = small(500)
    assert len(set(model.rows)) == model.singles == 500
    assert set(model.labels) == {0, 1, 2}
    assert len(model.labels) == 500


def test_larger_models_are_sent_different_rows_in_turn():
    model = medium(IN_TURN * MANY)
    one, many = native(model, {}), native(model, {}, rows=MANY)
    assert len(set(one.bodies)) == len(set(many.bodies)) == IN_TURN
    assert many.labels == model.labels[::MANY]


def test_without_wrk_one_line_says_how_to_get_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 2
    assert capsys.readouterr().err == f"bench: {wrk.MISSING}\n"


@needs_wrk
@pytest.mark.stack
@pytest.mark.timeout(600)  # the tutorial app's packages are installed first
def test_every_side_answers_rightly_under_load(tmp_path):
    subprocess.run(["make", "-s", "benchmarks/.venv/stamp"], cwd=ROOT, check=True, timeout=200)
    parts = ("race", "scaling", "overload")
    figures = measure_parts(Options(only=parts, rounds=1, seconds=1), tmp_path, print)
    assert {r.side: r.failed for r in figures.race} == dict.fromkeys(
        ["hello-world", "tutorial app", "/predict-async", "/predict-batched", "native predict",
         "/predict-sync (DRF)"], 0
    )  # fmt: skip
    measured = [*figures.race, *figures.scaling]
    assert all(r.requests_per_s > 0 and r.cpu_us_per_request > 0 for r in measured)
    assert {(r.layout, r.rows) for r in figures.scaling} == {
        ("one core", 1), ("one core", MANY), ("two workers", 1), ("two workers", MANY)
    }  # fmt: skip
    assert all(s.accepted_per_s > 0 for s in (*figures.overload.at, *figures.overload.over))


@pytest.mark.timeout(300)
def test_the_grid_is_drawn(tmp_path):
    subprocess.run(["make", "-s", "benchmarks/.venv/stamp"], cwd=ROOT, check=True, timeout=200)
    cells = [
        asdict(replace(results_of(side, run(speed)), connections=connections))
        for side, speed in (("hello-world", 60), ("/predict-async", 30))
        for connections in (1, 64)
    ]
    record = {"at": "2026-11-27", "machine": {"cpu": "any"}, "grid": cells}
    results = tmp_path / "figures.json"
    results.write_text(json.dumps(record))
    assert draw(results).read_bytes().startswith(b"\x89PNG")
