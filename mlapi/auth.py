"""Who is calling: API keys for DRF and the lane, from one table in memory.

A key is looked up by the sha256 of its text. A key nobody knows makes the table be read anew
before it is refused, so that one made a moment ago works at once.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import inf
from time import time
from typing import TypeAlias

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from mlapi.failed_attempts import FailedAttempts, of_key
from mlapi.last_uses import last_uses
from mlapi.models import ApiKey
from modelregistry.access import sees_all
from modelregistry.audience import Caller
from predictions.errors import Unauthenticated
from predictions.following import Follower
from predictions.lane.collaborators import Authenticated, Client
from predictions.runtime import on_live_connection
from predictions.serving.errors import NotReady

Row: TypeAlias = tuple[str, int, datetime | None, bool, int | None]
_READ_TIMEOUT_S = 5.0
MOST_LATELY = 1000  # headers: one key may come in many
CallSoon: TypeAlias = Callable[[Callable[[], None]], object]  # from any thread
INVALID = "This API key is not valid."
NO_KEY = "There is no key in this header: use Authorization: Bearer KEY."


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that is neither revoked nor of an inactive user."""

    user_id: int
    caller: Caller
    expiry: datetime | None
    ends: float = inf  # the same in seconds since 1970, which cost less to compare

    def valid(self) -> bool:
        return self.ends > time()


class KeyTable:
    """Digest to key, read from the database twice a second."""

    def __init__(self) -> None:
        self._keys: dict[str, KnownKey] = {}
        self._lately: dict[bytes, KnownKey] = {}  # by the header, since the last reading
        self.follower = Follower("API keys", on_live_connection(self.read), interval_s=0.5)

    def read(self) -> None:
        """Read all keys that may be used, with what their owners may see, in one query."""
        rows = ApiKey.objects.filter(
            Q(expiry=None) | Q(expiry__gt=datetime.now(UTC)),
            revoked_at=None,
            user__is_active=True,
        ).annotate(sees_all=sees_all("user"))
        self._keys = _known(
            rows.values_list("digest", "user_id", "expiry", "sees_all", "user__groups")
        )
        self._lately = {}

    def find(self, token: bytes) -> KnownKey | None:
        """The valid key with this text, as far as memory knows."""
        digest = sha256(token).hexdigest()
        known = self._keys.get(digest)
        if known is None or not known.valid():
            return None
        last_uses.note(digest)
        return known

    def found_lately(self, header: bytes) -> KnownKey | None:
        """The valid key that came in this very header since the last reading of the table: a
        digest costs more than all else that is done for a key. It is noted as used once in between.
        """
        known = self._lately.get(header)
        return known if known is not None and known.valid() else None

    def find_in(self, header: bytes, token: bytes) -> KnownKey | None:
        """As `find`; a key that is valid is known by its header until the next reading."""
        known = self.find(token)
        if known is not None and len(self._lately) < MOST_LATELY:
            self._lately[header] = known
        return known

    def outcome_of(self, token: bytes) -> Caller | Exception:
        """Whose token this is, or why it opens nothing."""
        if (known := self.find(token)) is not None:
            return known.caller
        if not self.follower.has_read:  # nobody can tell a good key from a bad one yet
            return NotReady()
        return Unauthenticated(INVALID)

    def find_now(self, token: bytes) -> KnownKey | None:
        """The same, after a fresh read where memory does not know it. Blocks."""
        found = self.find(token)
        if found is None and self.follower.wait_for_read(_READ_TIMEOUT_S):
            found = self.find(token)
        return found


def _known(rows: Iterable[Row]) -> dict[str, KnownKey]:
    """By digest. A key has a row for each group of its owner's, or one with None."""
    groups: defaultdict[int, set[int]] = defaultdict(set)
    found: dict[str, Row] = {}
    for row in rows:
        digest, user_id, _expiry, _sees_all, group = row
        found[digest] = row
        if group is not None:
            groups[user_id].add(group)
    return {
        digest: KnownKey(
            user_id,
            Caller(True, frozenset(groups[user_id]), sees_all),
            expiry,
            expiry.timestamp() if expiry else inf,
        )
        for digest, user_id, expiry, sees_all, _ in found.values()
    }


keys = KeyTable()
failures = FailedAttempts(settings.MLAPI.limits.failed_attempts)


def bearer_token(header: bytes) -> bytes | None:
    """The key in an Authorization header, None where it holds none."""
    scheme, _, token = header.strip().partition(b" ")
    token = token.strip()
    return token if scheme.lower() == b"bearer" and token and b" " not in token else None


def authenticate_on_loop(
    header: bytes,
    client: Client,
    then: Authenticated,
    call_soon: CallSoon | None = None,
) -> None:
    """The lane's way: answer at once from memory, or later on the loop after a fresh read.

    Who fails too often waits for no reading; a key that memory knows is not asked about failures.
    """
    if (known := keys.found_lately(header)) is not None:
        then(known.caller)
        return
    token = bearer_token(header)
    if token is None:
        then(Unauthenticated(NO_KEY))
    elif (known := keys.find_in(header, token)) is not None:
        then(known.caller)
    else:
        subjects = of_key(client[0] if client else None, token)
        if refusal := failures.refusal(subjects):
            then(refusal)
            return
        on_loop = call_soon or asyncio.get_running_loop().call_soon_threadsafe

        def finish() -> None:
            outcome = keys.outcome_of(token)
            if isinstance(outcome, Unauthenticated):
                failures.note(subjects)
            on_loop(lambda: then(outcome))

        keys.follower.after_next_read(finish)


def known_key(token: bytes, address: str | None) -> KnownKey | None:
    """Everybody else's way: the valid key with this text. Blocks. Raises TooManyFailures."""
    found = keys.find(token)
    if found is None:
        subjects = of_key(address, token)
        if refusal := failures.refusal(subjects):
            raise refusal
        found = keys.find_now(token)
        if found is None and keys.follower.has_read:
            failures.note(subjects)
    return found


class KeyAuthentication(BaseAuthentication):
    """DRF's way: `request.user` is the key's owner, `request.auth` the KnownKey."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, KnownKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        token = bearer_token(header.encode("latin-1", "replace"))
        known = known_key(token, request.META.get("REMOTE_ADDR")) if token else None
        if known is None and token and not keys.follower.has_read:
            raise NotReady
        user = get_user_model().objects.filter(pk=known.user_id).first() if known else None
        if known is None or user is None:
            raise AuthenticationFailed(INVALID if token else NO_KEY)
        return user, known

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasKeyOrStaffSession(BasePermission):
    """An API key, or a session of somebody who may enter the admin."""

    def has_permission(self, request: Request, view: object) -> bool:
        if isinstance(request.auth, KnownKey):
            return True
        return request.user.is_authenticated and request.user.is_staff
