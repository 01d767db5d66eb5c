"""manage.py loadtest: what it prints, what it sends, how it ends."""

import io
import json
import signal
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from tests.running import MANAGE, clean_environ, manage, until

KEYS = {"total", "successful", "failed", "total_time_s", "requests_per_s", "latency_ms"}
LATENCIES = {"mean", "median", "stdev", "p50", "p95", "p99", "max"}


def loadtest(url, *words):
    out = io.StringIO()
    call_command("loadtest", url, *words, stdout=out)
    return out.getvalue()


def test_a_table_shows_counts_and_latencies(server):
    shown = loadtest(f"{server.url}/predict-async", "--requests=40", "--concurrency=4")
    for label in ("requests", "successful", "failed", "total time", "requests/s", "mean",
                  "median", "standard deviation", "p50", "p95", "p99", "max"):  # fmt: skip
        assert label in shown
    assert f"{server.url}/predict-async, 4 in flight" in shown


def test_a_thousand_requests_fifty_in_flight_are_the_default(server):
    report = json.loads(loadtest(f"{server.url}/predict-async", "--json"))
    assert report["successful"] == len(server.bodies) == 1000
    assert server.most_in_flight <= 50


def test_json_is_all_that_is_printed_and_has_every_figure(server):
    report = json.loads(loadtest(f"{server.url}/predict-async", "--requests=5", "--json"))
    assert set(report) == KEYS
    assert set(report["latency_ms"]) == LATENCIES
    assert (report["total"], report["failed"]) == (5, {})


def test_tutorial_routes_get_many_different_rows(server):
    loadtest(f"{server.url}/predict-async", "--requests=200", "--json")
    rows = {tuple(json.loads(body)["features"]) for body in server.bodies}
    assert len(rows) > 150
    assert all(len(row) == 4 for row in rows)


def test_failures_are_shown_by_kind_and_end_in_exit_code_1(server, tmp_path):
    file, out = tmp_path / "bodies.jsonl", io.StringIO()
    file.write_text("{}\n")
    words = [f"{server.url}/status/422", "--requests=7", "--json", f"--data={file}"]
    with pytest.raises(SystemExit) as ended:
        call_command("loadtest", *words, stdout=out)
    assert ended.value.code == 1
    report = json.loads(out.getvalue())
    assert (report["successful"], report["failed"]) == (0, {"status 422": 7})
    assert report["latency_ms"] is None


def test_a_key_travels_as_bearer_token(server):
    loadtest(f"{server.url}/predict-async", "--requests=1", "--key=mlapi_secret")
    assert server.headers[0]["Authorization"] == "Bearer mlapi_secret"


def test_bodies_of_ones_own_are_sent_as_they_are_written(server, tmp_path):
    file = tmp_path / "bodies.jsonl"
    file.write_text('{"rows": [{"contract":  "monthly"}]}\n{"rows": []}\n')
    loadtest(f"{server.url}/api/v1/models/churn/predict", "--requests=4", f"--data={file}")
    assert sorted(server.bodies) == sorted([b'{"rows": [{"contract":  "monthly"}]}',
                                            b'{"rows": []}'] * 2)  # fmt: skip


def test_a_route_of_unknown_shape_asks_for_bodies(server):
    with pytest.raises(CommandError, match="--data") as fault:
        loadtest(f"{server.url}/api/v1/models/churn/predict")
    assert fault.value.returncode == 2
    assert server.bodies == []


@pytest.mark.parametrize(
    "words",
    [
        ["ftp://127.0.0.1/predict-async"],
        ["127.0.0.1:8000/predict-async"],
        ["http://127.0.0.1:99999/predict-async"],
        ["http://127.0.0.1/predict-async", "--requests=0"],
        ["http://127.0.0.1/predict-async", "--concurrency=many"],
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(words):
    with pytest.raises(CommandError, match="is needed"):
        loadtest(*words)


def test_an_unreachable_server_is_one_line_and_exit_code_2(tmp_path, closed_port):
    done = manage(tmp_path, "loadtest", f"http://127.0.0.1:{closed_port}/predict-async")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"nothing answers at 127.0.0.1:{closed_port}" in done.stderr


def test_an_unusable_file_is_one_line_and_exit_code_2(tmp_path, server):
    file = tmp_path / "rows.csv"
    file.write_text("sepal,petal\n1,2\n")
    done = manage(tmp_path, "loadtest", f"{server.url}/predict-async", f"--data={file}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "line 1, is not JSON" in done.stderr


@pytest.fixture
def interrupts():
    """A shell's background jobs, and all that they start, ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_prints_what_was_measured_so_far(tmp_path, server, interrupts):
    words = ["loadtest", f"{server.url}/predict-async", "--requests=10000000", "--json"]
    process = subprocess.Popen(
        [sys.executable, MANAGE, *words],
        env=clean_environ(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until(lambda: len(server.bodies) > 100, 60, "requests arrive")
        process.send_signal(signal.SIGINT)
        shown, complaints = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in complaints
    assert 50 < json.loads(shown)["successful"] <= len(server.bodies)
