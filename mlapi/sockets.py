"""Who may open a WebSocket: holders of a key, and staff on a page of our own.

A browser sends its cookies along from any page, so with cookies the Origin must be ours; programs
that send no Origin need a key. A key never travels in the URL. Who is let in is asked again while
the socket is open: `reload_user` gives the user as of now, or None.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import TypeAlias
from urllib.parse import urlsplit

from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.urls import re_path

from jobs.routing import websocket_urlpatterns
from mlapi.auth import bearer_token, known_key
from mlapi.errors import TooManyFailures
from mlapi.observability import request_ids
from mlapi.problems import lane_reply
from predictions.lane.asgi import App, Message, Receive, Send, given_id
from predictions.lane.collaborators import Client

ReloadUser: TypeAlias = Callable[[], Awaitable[AbstractBaseUser | None]]
_sessions = import_module(settings.SESSION_ENGINE)


class Doorkeeper:
    """Refuses the handshake to strangers' pages; hands on `user` (or None) and `reload_user`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if not _comes_from_us(headers):
            await refuse(scope, receive, send)
            return
        reload_user = _credential_of(headers, scope.get("client"))
        try:
            user = await reload_user()
        except TooManyFailures as error:
            await refuse(scope, receive, send, error)
            return
        found = {"user": user, "reload_user": _or_nobody(reload_user)}
        await self._app({**scope, **found}, receive, send)


async def refuse(
    scope: Message, receive: Receive, send: Send, error: Exception | None = None
) -> None:
    """No WebSocket here: the handshake is answered with 403, or with what the error says."""
    await receive()
    if error is None or "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1000})
        return
    status, headers, body = lane_reply(error, request_ids(given_id(scope["headers"])))
    answer = {"type": "websocket.http.response.start", "status": status, "headers": headers}
    await send(answer)
    await send({"type": "websocket.http.response.body", "body": body})


def _comes_from_us(headers: dict[bytes, bytes]) -> bool:
    """Host one of ours, Origin the same or trusted; no Origin only together with a key."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    domain, _port = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    origin = headers.get(b"origin")
    if origin is None:
        return b"authorization" in headers
    return _is_ours(origin.decode("latin-1").lower(), host)


def _is_ours(origin: str, host: str) -> bool:
    """The rule of Django's CSRF protection: our own address to the port, or a trusted origin."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    return parts.netloc == host or origin in settings.CSRF_TRUSTED_ORIGINS


def _credential_of(headers: dict[bytes, bytes], client: Client) -> ReloadUser:
    header = headers.get(b"authorization")
    if header is not None:
        return lambda: _user_of_key(header, client)
    return lambda: _user_of_session(headers.get(b"cookie", b""))


def _or_nobody(reload_user: ReloadUser) -> ReloadUser:
    """For a socket that is open: whose key is refused unseen is nobody any more."""

    async def reloaded() -> AbstractBaseUser | None:
        try:
            return await reload_user()
        except TooManyFailures:
            return None

    return reloaded


async def _user_of_key(header: bytes, client: Client) -> AbstractBaseUser | None:
    token = bearer_token(header)
    if token is None:
        return None
    known = await asyncio.to_thread(known_key, token, client[0] if client else None)
    if known is None:
        return None
    return await get_user_model().objects.filter(pk=known.user_id, is_active=True).afirst()


@database_sync_to_async  # type: ignore[untyped-decorator]  # channels has no types
def _user_of_session(cookies: bytes) -> AbstractBaseUser | None:
    """The staff member who is signed in; others who have a session are nobody here."""
    request = HttpRequest()
    request.session = _sessions.SessionStore(_session_key(cookies))
    user = get_user(request)
    if not isinstance(user, AbstractBaseUser) or not user.is_active:
        return None
    return user if user.is_staff else None


def _session_key(cookies: bytes) -> str | None:
    try:
        morsel = SimpleCookie(cookies.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    return morsel.value if morsel else None


nowhere = re_path(r"", refuse)  # type: ignore[arg-type]  # an ASGI application, not a view
sockets: App = Doorkeeper(URLRouter([*websocket_urlpatterns, nowhere]))
