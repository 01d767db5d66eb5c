"""manage.py benchmark: with and without a server, with and without models."""

import json

import pytest

from tests.running import Stack, manage


def test_runtimes_are_measured_without_a_server(installed, closed_port):
    address = f"http://127.0.0.1:{closed_port}"
    done = manage(installed, "benchmark", f"--url={address}", "--json")
    measured = json.loads(done.stdout)
    assert done.returncode == 0
    assert [b["batch"] for b in measured["in_process"]] == [1, 32, 256]
    assert all(b["ratio"] > 1 for b in measured["in_process"])  # 19 and more, without noise
    assert measured["routes"] == []
    assert done.stderr.count("\n") == 1
    assert "make run" in done.stderr


def test_a_table_has_a_line_for_every_batch_size(installed, closed_port):
    done = manage(installed, "benchmark", f"--url=http://127.0.0.1:{closed_port}")
    firsts = [line.split("│")[1].strip() for line in done.stdout.splitlines() if "│" in line]
    assert firsts == ["1", "32", "256"]
    assert "iris:1 in process" in done.stdout
    assert "Through HTTP: skipped" in done.stdout.splitlines()[-1]


def test_without_models_the_routes_are_still_measured(tmp_path, server):
    words = ["benchmark", f"--url={server.url}", "--requests=10", "--json"]
    done = manage(tmp_path / "empty", *words)
    measured = json.loads(done.stdout)
    assert done.returncode == 0
    assert "the registry is empty" in done.stderr
    pairs = [(r["baseline"]["route"], r["contender"]["route"]) for r in measured["routes"]]
    assert pairs == [
        (server.url + slow, server.url + fast)
        for slow, fast in (
            ("/predict-sync", "/predict-async"),
            ("/predict-sklearn", "/predict-onnx"),
            ("/predict-sklearn", "/predict-onnx"),
        )
    ]


def test_nothing_to_measure_is_exit_code_2(tmp_path, closed_port):
    done = manage(tmp_path / "empty", "benchmark", f"--url=http://127.0.0.1:{closed_port}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.stack
def test_every_route_of_a_running_service_is_compared(stack: Stack, installed):
    words = ["benchmark", f"--url={stack.base_url}", "--requests=100", "--json"]
    done = manage(installed, *words, within_s=300)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert [r["contender"]["failed"] for r in measured["routes"]] == [{}, {}, {}]
    assert all(r["ratio"] > 0 for r in measured["routes"])
