"""How tests of the kinds ask a running stack: as a plain producer, and through the API."""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from tests.running import Stack, clean_environ, manage, until

Call = tuple[str, list[Any], dict[str, Any]] | tuple[str, list[Any], dict[str, Any], str]
PRODUCER = Path(__file__).with_name("producer.py")


def produced(stack: Stack, *calls: Call) -> list[dict[str, Any]]:
    """What a plain producer, a process of its own, gets for these messages."""
    return _sent(stack, calls)


def only_sent(stack: Stack, *calls: Call) -> None:
    """The same producer, which waits for no answer: a job that is under way gives it none."""
    _sent(stack, calls, "--send-only")


def _sent(stack: Stack, calls: Sequence[Call], *options: str) -> list[dict[str, Any]]:
    ended = subprocess.run(
        [sys.executable, "-I", str(PRODUCER), *urls(stack.data_dir), *options],
        env=clean_environ(Path("/nowhere")),
        input=json.dumps([call if len(call) == 4 else (*call, None) for call in calls]),
        capture_output=True,
        text=True,
        timeout=300,
        cwd="/",
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answers: list[dict[str, Any]] = json.loads(ended.stdout)
    return answers


@cache
def urls(data_dir: Path) -> tuple[str, str]:
    """Broker and results, as `manage.py env` prints them."""
    printed = manage(data_dir, "env").stdout.splitlines()
    named = dict(line.split(maxsplit=1) for line in printed if line.startswith(("Broker", "Res")))
    return named["Broker"], named["Results"]


@cache
def api(data_dir: Path, base_url: str) -> httpx.Client:
    """The API as the admin's key opens it."""
    made = manage(data_dir, "create_api_key", "admin")
    assert made.returncode == 0, made.stderr
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    return httpx.Client(base_url=f"{base_url}/api/v1", headers=headers, timeout=60)


def job(stack: Stack, job_id: str, *, wait_s: int = 0) -> dict[str, Any]:
    """The job as the API shows it."""
    client = api(stack.data_dir, stack.base_url)
    answer = client.get(f"/jobs/{job_id}/", params={"wait": wait_s} if wait_s else {})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines(stack: Stack, job_id: str) -> list[str]:
    """Its log."""
    events = api(stack.data_dir, stack.base_url).get(f"/jobs/{job_id}/events/").json()
    return [event["message"] for event in events]


def submitted(stack: Stack, kind: str, params: dict[str, Any]) -> str:
    """The id of a job that the admin has submitted."""
    body = {"kind": kind, "params": params}
    answer = api(stack.data_dir, stack.base_url).post("/jobs/", json=body)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def finished(stack: Stack, job_id: str, within_s: float = 150) -> dict[str, Any]:
    """The job once it has ended."""
    seen: list[dict[str, Any]] = []

    def over() -> bool:
        seen.append(job(stack, job_id, wait_s=2))
        return seen[-1]["finished_at"] is not None

    until(over, within_s, f"job {job_id} ends")
    return seen[-1]


def done(stack: Stack, kind: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result of such a job."""
    ended = finished(stack, submitted(stack, kind, params))
    assert ended["state"] == "succeeded", ended
    result: dict[str, Any] = ended["result"]
    return result
