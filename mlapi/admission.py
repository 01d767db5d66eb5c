"""Who may send large forms, asked before a byte of them is read: strangers could fill the disk."""

from importlib import import_module
from io import BytesIO
from typing import Any, cast

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from rest_framework.exceptions import APIException, NotAuthenticated, PermissionDenied
from rest_framework.request import Request

from mlapi.auth import KeyAuthentication
from mlapi.errors import AccessError
from predictions.serving.errors import NotReady


async def refusal(scope: dict[str, Any], permission: str) -> Exception | None:
    """Why who asks may not; None where they may. Forgery is no matter yet: the view sees to it."""
    ask = database_sync_to_async(_refusal, thread_sensitive=False)
    fault: Exception | None = await ask(scope, permission)
    return fault


def _refusal(scope: dict[str, Any], permission: str) -> Exception | None:
    try:
        user, may_enter = _asking(ASGIRequest({**scope, "query_string": b""}, BytesIO()))
    except (APIException, AccessError, NotReady, DatabaseError) as fault:
        return fault
    if not user.is_authenticated:
        return NotAuthenticated()
    allowed = may_enter and isinstance(user, PermissionsMixin) and user.has_perm(permission)
    return None if allowed else PermissionDenied()


def _asking(request: ASGIRequest) -> tuple[AbstractBaseUser | AnonymousUser, bool]:
    """Who asks, by key or by session, and whether that opens anything: a session is for staff.

    As later in the view. Raises APIException, AccessError, NotReady, DatabaseError.
    """
    known = KeyAuthentication().authenticate(cast("Request", request))
    if known:
        return known[0], True
    sessions = import_module(settings.SESSION_ENGINE)
    request.session = sessions.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    return user, getattr(user, "is_staff", False)
