"""Callers of the running stack: keys, a session, and jobs that wait for ever."""

import httpx
import pytest

from tests.running import Stack, manage

NEVER = "2100-01-01T00:00:00Z"


def key_of(stack: Stack, name: str) -> str:
    """A new key of a user without any permission, who is made where there is none."""
    script = (
        "from django.contrib.auth.models import User; from django.core.management import *;"
        f"User.objects.get_or_create(username={name!r}); call_command('create_api_key', {name!r})"
    )
    done = manage(stack.data_dir, "shell", "-v0", "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def submit(stack: Stack, key: str, **facts: object) -> str:
    """The id of a job; it never begins unless `facts` say when it may."""
    body = {
        "kind": "predict_task",
        "params": {"features": [5.1, 3.5, 1.4, 0.2]},
        "not_before": NEVER,
        **facts,
    }
    answer = httpx.post(f"{stack.base_url}/api/v1/jobs/", json=body, headers=bearer(key))
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def cancel(stack: Stack, key: str, job_id: str) -> None:
    path = f"{stack.base_url}/api/v1/jobs/{job_id}/cancel/"
    assert httpx.post(path, headers=bearer(key)).status_code == 202


@pytest.fixture(scope="session")
def ann(stack: Stack) -> str:
    return key_of(stack, "ann")


@pytest.fixture(scope="session")
def bob(stack: Stack) -> str:
    return key_of(stack, "bob")
