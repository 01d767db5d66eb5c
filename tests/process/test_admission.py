"""Who may send a large form is asked before it is read, whatever keeps the sessions."""

import asyncio
import gzip
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Permission, User
from django.test import Client

from mlapi.guard import Guard

pytestmark = [pytest.mark.django_db(transaction=True)]
PATH = "/admin/modelregistry/registeredmodel/hand-in/"
LIMITS = configured.MLAPI.limits
SIZE = LIMITS.json_bytes + 1
BACKENDS = "django.contrib.sessions.backends"


class Page:
    """Stands where Django does: reads the body, and says how much it was."""

    def __init__(self) -> None:
        self.read = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            self.read += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def sent(cookie: str, *, page: Page, packed: bool = False) -> int:
    """The status of the answer to a large form of whoever has this session."""
    name = configured.SESSION_COOKIE_NAME
    scope = {
        "type": "http", "method": "POST", "path": PATH, "root_path": "", "query_string": b"",
        "headers": [
            (b"content-type", b"multipart/form-data; boundary=x"),
            (b"cookie", f"{name}={cookie}".encode()),
            (b"content-encoding", b"gzip" if packed else b"identity"),
        ],
    }  # fmt: skip
    body = gzip.compress(bytes(SIZE)) if packed else bytes(SIZE)
    pieces = [body[: len(body) // 2], body[len(body) // 2 :]]
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not pieces:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        answers.append(message)

    asyncio.run(Guard(page, LIMITS)(scope, receive, send))
    return int(answers[0]["status"])


def session_of(*permissions: str, is_staff: bool) -> str:
    user = User.objects.create_user("somebody", is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client.cookies[configured.SESSION_COOKIE_NAME].value


@pytest.mark.parametrize("backend", ["db", "signed_cookies"])
def test_staff_who_may_hand_in_are_let_through(settings: Any, backend: str) -> None:
    settings.SESSION_ENGINE = f"{BACKENDS}.{backend}"
    page = Page()
    assert sent(session_of("add_modelversion", is_staff=True), page=page) == 200
    assert page.read == SIZE


def test_a_compressed_form_of_theirs_may_be_as_large_as_others() -> None:
    page = Page()
    assert sent(session_of("add_modelversion", is_staff=True), page=page, packed=True) == 200
    assert page.read == SIZE


def test_a_compressed_form_of_others_is_counted_as_it_unpacks() -> None:
    page = Page()
    assert sent(session_of(is_staff=True), page=page, packed=True) == 403
    assert 0 < page.read <= LIMITS.json_bytes


@pytest.mark.parametrize(
    ("permissions", "is_staff"),
    [(["add_modelversion"], False), (["view_modelversion"], True), ([], True), ([], False)],
)
def test_others_are_refused_before_the_limit_of_everybody_is_passed(
    permissions: list[str], is_staff: bool
) -> None:
    page = Page()
    assert sent(session_of(*permissions, is_staff=is_staff), page=page) == 403
    assert page.read <= LIMITS.json_bytes


def test_without_a_session_it_is_401() -> None:
    page = Page()
    assert sent("", page=page) == 401
    assert page.read <= LIMITS.json_bytes
