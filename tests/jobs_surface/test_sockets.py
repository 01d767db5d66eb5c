"""WebSockets of jobs on a running stack: who is let in, what is told, how it ends."""

import json
import re
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from jobs.consumers import SOCKETS_PER_USER
from jobs.routing import websocket_urlpatterns
from tests.jobs_surface.conftest import bearer, cancel, key_of, submit
from tests.running import Stack, manage, until

pytestmark = pytest.mark.stack
NO_JOB = "00000000-0000-4000-8000-000000000000"
PATHS = {"ws/jobs/?": "/ws/jobs/", "ws/jobs/{job_id}/?": f"/ws/jobs/{NO_JOB}/"}
PATIENCE_S = 30


def dial(stack: Stack, path: str, origin: str | None = None, **headers: str) -> ClientConnection:
    address = stack.base_url.replace("http", "ws", 1) + path
    patient = {"open_timeout": PATIENCE_S, "close_timeout": PATIENCE_S, "proxy": None}
    return connect(address, origin=origin, additional_headers=headers, **patient)  # type: ignore[arg-type]


def frame(socket: ClientConnection, within_s: float = PATIENCE_S) -> dict[str, Any]:
    return json.loads(socket.recv(timeout=within_s))  # type: ignore[no-any-return]


def close_code(socket: ClientConnection, within_s: float = PATIENCE_S) -> int:
    """After whatever is still told."""
    try:
        while True:
            socket.recv(timeout=within_s)
    except ConnectionClosed as closed:
        return code_of(closed)


def code_of(closed: ConnectionClosed) -> int:
    assert closed.rcvd is not None, "the connection broke"
    return closed.rcvd.code


@pytest.fixture(scope="module")
def cookie(stack: Stack) -> str:
    """Of a member of staff who may view all jobs."""
    return session_of(stack, "clara", is_staff=True)


def session_of(stack: Stack, name: str, *, is_staff: bool) -> str:
    """A session as the login form makes it."""
    script = (
        "from django.contrib.auth.models import User, Permission;"
        f"u = User.objects.create_user({name!r}, is_staff={is_staff});"
        "u.user_permissions.add(Permission.objects.get(codename='view_job'));"
        "from django.contrib.sessions.backends.db import SessionStore; s = SessionStore();"
        "s['_auth_user_id'] = str(u.pk); s['_auth_user_hash'] = u.get_session_auth_hash();"
        "s['_auth_user_backend'] = 'django.contrib.auth.backends.ModelBackend'; s.save();"
        "print(s.session_key)"
    )
    done = manage(stack.data_dir, "shell", "-v0", "-c", script)
    assert done.returncode == 0, done.stderr
    return f"sessionid={done.stdout.strip()}"


def outcome(stack: Stack, path: str, origin: str | None, **headers: str) -> int:
    """The HTTP status of a refused handshake, 101 for one that is let in, else the close code."""
    try:
        with dial(stack, path, origin, **headers) as socket:
            try:
                return 101 if frame(socket)["type"] == "snapshot" else 0
            except ConnectionClosed as closed:
                return code_of(closed)
    except InvalidStatus as refused:
        return refused.response.status_code


def test_every_socket_is_in_the_matrix() -> None:
    routes = {
        re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", str(p.pattern)) for p in websocket_urlpatterns
    }
    assert {route.strip("^$") for route in routes} == PATHS.keys()


@pytest.mark.parametrize("path", PATHS.values())
def test_who_comes_in_and_from_where(stack: Stack, ann: str, cookie: str, path: str) -> None:
    ours, strange = stack.base_url, "https://elsewhere.example"
    other_port = "http://127.0.0.1:1"
    let_in = 101 if path == "/ws/jobs/" else 4404  # known callers are told that there is no such
    key, dead = bearer(ann), bearer("mlapi_" + "0" * 64)
    session = {"Cookie": cookie}
    found = {
        "nobody, no origin": outcome(stack, path, None),
        "nobody, our origin": outcome(stack, path, ours),
        "key, no origin": outcome(stack, path, None, **key),
        "key, our origin": outcome(stack, path, ours, **key),
        "key, strange origin": outcome(stack, path, strange, **key),
        "dead key, no origin": outcome(stack, path, None, **dead),
        "dead key beside a session": outcome(stack, path, ours, **dead, **session),
        "session, no origin": outcome(stack, path, None, **session),
        "session, our origin": outcome(stack, path, ours, **session),
        "session, strange origin": outcome(stack, path, strange, **session),
        "session, our host on another port": outcome(stack, path, other_port, **session),
        "session, null origin": outcome(stack, path, "null", **session),
        "session, strange host": outcome(
            stack, path, "http://elsewhere.example", **session, Host="elsewhere.example"
        ),
    }
    assert found == {
        "nobody, no origin": 403,
        "nobody, our origin": 4401,
        "key, no origin": let_in,
        "key, our origin": let_in,
        "key, strange origin": 403,
        "dead key, no origin": 4401,
        "dead key beside a session": 4401,
        "session, no origin": 403,
        "session, our origin": let_in,
        "session, strange origin": 403,
        "session, our host on another port": 403,
        "session, null origin": 403,
        "session, strange host": 403,
    }


def test_a_wrong_key_is_told_what_to_send(stack: Stack) -> None:
    refused = dial(stack, "/ws/jobs/", Authorization="Token x")
    with refused as socket, pytest.raises(ConnectionClosed) as closed:
        frame(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.reason == "Send a valid key as Authorization: Bearer KEY."


def test_a_session_of_somebody_who_is_not_staff_is_nobodys(stack: Stack) -> None:
    customer = session_of(stack, "customer", is_staff=False)
    assert outcome(stack, "/ws/jobs/", stack.base_url, Cookie=customer) == 4401


def test_where_no_socket_is_the_handshake_is_refused(stack: Stack, ann: str) -> None:
    for path in ("/", "/ws/", "/predict-async", "/admin/"):
        assert outcome(stack, path, None, **bearer(ann)) == 403


def test_a_job_is_told_from_snapshot_to_its_end_with_its_log(stack: Stack, ann: str) -> None:
    job_id = submit(stack, ann)
    with dial(stack, f"/ws/jobs/{job_id}/", **bearer(ann)) as socket:
        first = frame(socket)
        cancel(stack, ann, job_id)
        then = frame(socket)

    assert (first["type"], first["job"]["state"]) == ("snapshot", "queued")
    assert (then["type"], then["job"]["state"]) == ("update", "cancelled")
    assert first["seq"] < then["seq"] == then["job"]["seq"]
    assert any("Cancelled" in event["message"] for event in then["events"])


def test_reconnecting_begins_with_what_is_true_now(stack: Stack, ann: str) -> None:
    job_id = submit(stack, ann)
    with dial(stack, f"/ws/jobs/{job_id}/", **bearer(ann)) as socket:
        assert frame(socket)["job"]["state"] == "queued"
    cancel(stack, ann, job_id)
    with dial(stack, f"/ws/jobs/{job_id}/", **bearer(ann)) as socket:
        again = frame(socket, within_s=5)
    assert (again["type"], again["job"]["state"]) == ("snapshot", "cancelled")


def test_the_list_tells_of_ones_own_jobs_only(stack: Stack, ann: str, bob: str) -> None:
    with dial(stack, "/ws/jobs/?state=queued", **bearer(bob)) as socket:
        assert frame(socket)["type"] == "snapshot"
        of_ann, of_bob = submit(stack, ann), submit(stack, bob)
        told = frame(socket)

    assert told["type"] == "update"
    assert [job["id"] for job in told["jobs"]] == [of_bob]
    assert of_ann not in json.dumps(told)


def test_a_list_is_told_to_their_end_of_jobs_that_leave_it(stack: Stack, ann: str) -> None:
    with dial(stack, "/ws/jobs/?state=queued", **bearer(ann)) as socket:
        frame(socket)
        job_id = submit(stack, ann)
        told = frame(socket)["jobs"]
        cancel(stack, ann, job_id)
        told += frame(socket)["jobs"]

    assert [(job["id"], job["state"]) for job in told] == [
        (job_id, "queued"),
        (job_id, "cancelled"),
    ]


def test_a_list_of_ids_tells_of_no_other_job(stack: Stack, ann: str) -> None:
    followed, other = submit(stack, ann), submit(stack, ann)
    with dial(stack, f"/ws/jobs/?ids={followed}", **bearer(ann)) as socket:
        snapshot = frame(socket)["jobs"]
        for job_id in (other, followed):
            cancel(stack, ann, job_id)
        told = frame(socket)["jobs"]

    assert [job["id"] for job in snapshot + told] == [followed, followed]


def test_frames_of_a_list_are_counted_on_each_connection(stack: Stack, ann: str) -> None:
    for _ in range(2):
        with dial(stack, "/ws/jobs/", **bearer(ann)) as socket:
            numbers = [frame(socket)["seq"]]
            for _ in range(2):
                submit(stack, ann)
                numbers.append(frame(socket)["seq"])
        assert numbers == [0, 1, 2]


def test_other_peoples_jobs_are_unknown(stack: Stack, ann: str, bob: str) -> None:
    assert outcome(stack, f"/ws/jobs/{submit(stack, ann)}/", None, **bearer(bob)) == 4404


def test_a_filter_that_is_none_closes(stack: Stack, ann: str) -> None:
    assert outcome(stack, "/ws/jobs/?state=done", None, **bearer(ann)) == 4400


def test_a_key_that_is_revoked_ends_its_sockets_within_five_seconds(stack: Stack) -> None:
    key = key_of(stack, "leaver")
    script = (
        "from mlapi.models import ApiKey; from django.utils import timezone;"
        "ApiKey.objects.filter(user__username='leaver').update(revoked_at=timezone.now())"
    )
    with dial(stack, "/ws/jobs/", **bearer(key)) as socket:
        frame(socket)
        assert manage(stack.data_dir, "shell", "-v0", "-c", script).returncode == 0
        assert close_code(socket, within_s=5) == 4401


def test_a_signed_out_session_ends_its_sockets(stack: Stack) -> None:
    cookie = session_of(stack, "goer", is_staff=True)
    script = (
        "from django.contrib.sessions.models import Session as S; S.objects.get(pk={!r}).delete()"
    )
    with dial(stack, "/ws/jobs/", stack.base_url, Cookie=cookie) as socket:
        frame(socket)
        gone = script.format(cookie.partition("=")[2])
        assert manage(stack.data_dir, "shell", "-v0", "-c", gone).returncode == 0
        assert close_code(socket, within_s=5) == 4401


@pytest.mark.parametrize(("message", "code"), [("hello", 1003), (b"\x00" * 100_000, 1009)])
def test_these_sockets_only_tell(stack: Stack, ann: str, message: str | bytes, code: int) -> None:
    with dial(stack, "/ws/jobs/", **bearer(ann)) as socket:
        frame(socket)
        socket.send(message)
        assert close_code(socket) == code


def test_many_frames_at_once_are_answered_once(stack: Stack, ann: str) -> None:
    with dial(stack, "/ws/jobs/", **bearer(ann)) as socket:
        frame(socket)
        socket.socket.sendall(b"\x81\x81\0\0\0\0x" * 50)
        assert close_code(socket) == 1003
    assert httpx.get(f"{stack.base_url}/livez").status_code == 200  # it has come to its end
    assert "Unexpected ASGI message" not in stack.log


def test_nobody_holds_more_than_so_many_sockets(stack: Stack) -> None:
    key = key_of(stack, "hoarder")
    processes = len(stack.child("uvicorn").children()) or 1
    with ExitStack() as opened:
        codes = [
            _first_word(opened.enter_context(dial(stack, "/ws/jobs/", **bearer(key))))
            for _ in range(SOCKETS_PER_USER * processes + 1)
        ]
    assert codes.count("4429") >= 1
    assert codes.count("snapshot") >= SOCKETS_PER_USER
    until(lambda: outcome(stack, "/ws/jobs/", None, **bearer(key)) == 101, 60, "room again")


def _first_word(socket: ClientConnection) -> str:
    try:
        return str(frame(socket)["type"])
    except ConnectionClosed as closed:
        return str(code_of(closed))


def test_a_socket_is_no_way_around_the_requests(stack: Stack, ann: str) -> None:
    """What is not a handshake is Django's, and unknown there."""
    answer = httpx.get(f"{stack.base_url}/ws/jobs/", headers=bearer(ann))
    assert answer.status_code == 404
