"""A promotion under load: nobody is refused, and a second later every process has moved."""

import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from modelregistry.formats.skops_format import save_estimator
from tests.running import Stack, manage, until

pytestmark = [pytest.mark.stack, pytest.mark.alone]
NATIVE = "/api/v1/models/iris/predict"
ROW = b'{"rows": [[5.1, 3.5, 1.4, 0.2]]}'
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"rows": [[5.1, 3.5, 1.4, 0.2]]}'
"""
NEWEST = (
    "from modelregistry.models import ModelVersion as V;"
    "print(V.objects.filter(model__name='iris').latest('number').number)"
)
CONNECTIONS, SECONDS = 64, 60  # at most: the command that promotes has to start meanwhile


@pytest.fixture(autouse=True)
def first_version_again(stack: Stack) -> Iterator[None]:
    """Other tests know the first version's answers."""
    yield
    assert manage(stack.data_dir, "promote_model", "iris:1").returncode == 0
    until(lambda: set(versions_answered(stack, 20)) == {1}, 30, "the first version is back")


def register(stack: Stack, folder: Path, *words: str) -> None:
    rows, targets = load_iris(return_X_y=True)
    file = folder / "second.skops"
    file.write_bytes(save_estimator(LogisticRegression(max_iter=500).fit(rows, targets)))
    done = manage(stack.data_dir, "register_model", str(file), "--model", "iris", *words)
    assert done.returncode == 0, done.stderr


def versions_answered(stack: Stack, requests: int = 200) -> Counter[int]:
    """Which versions answer, each request on a connection of its own, so that all processes do."""
    counts: Counter[int] = Counter()
    for _ in range(requests):
        headers = {"Content-Type": "application/json", "Connection": "close"}
        answer = httpx.post(stack.base_url + NATIVE, content=ROW, headers=headers)
        counts[answer.json()["version"]] += 1
    return counts


def newest(stack: Stack) -> int:
    """The highest version number there is."""
    listed = manage(stack.data_dir, "shell", "-v0", "-c", NEWEST)
    return int(listed.stdout)


def web_workers(stack: Stack) -> list[psutil.Process]:
    web = stack.child("mlapi.asgi:application")
    return [child for child in web.children() if "spawn_main" in " ".join(child.cmdline())]


def test_a_promotion_under_load_fails_nobody_and_reaches_every_process_within_a_second(
    stack: Stack, tmp_path: Path
) -> None:
    wrk = shutil.which("wrk")
    if wrk is None:
        pytest.skip("wrk is not installed (Debian's package of that name)")
    assert len(web_workers(stack)) == 2
    before = newest(stack)
    register(stack, tmp_path)
    script = tmp_path / "post.lua"
    script.write_text(SCRIPT)
    load = subprocess.Popen(
        [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "30s", "-s", str(script),
         stack.base_url + NATIVE],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        done = manage(stack.data_dir, "promote_model", f"iris:{before + 1}")
        promoted_at = time.monotonic()
        assert done.returncode == 0, done.stderr
        assert load.poll() is None, "the load ended before the promotion"
        until(lambda: time.monotonic() - promoted_at >= 1.0, 2, "a second after the promotion")
        assert set(versions_answered(stack)) == {before + 1}
    finally:
        load.send_signal(signal.SIGINT)  # wrk ends and says what it saw
        report, _ = load.communicate(timeout=SECONDS + 30)
    assert "Non-2xx" not in report, report
    assert "Socket errors" not in report, report
    total = re.search(r"(\d+) requests in", report)
    assert total is not None
    assert int(total[1]) > 1000


@pytest.mark.alone
def test_registering_with_promote_serves_at_once(stack: Stack, tmp_path: Path) -> None:
    before = newest(stack)
    register(stack, tmp_path, "--promote")
    until(lambda: set(versions_answered(stack, 20)) == {before + 1}, 2, "the new version answers")
