"""Issue and revoke API keys: what the admin, REST and the command do with one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from knox.models import get_digest_token
from knox.settings import CONSTANTS

from jobs.audit import note
from mlapi.errors import KeyRefused, TooManyKeys
from mlapi.models import ApiKey

LONGEST = timedelta(days=36_500)
MOST_IN_USE = 100  # of one owner: every process reads all that are in use twice a second


def issue(
    *,
    owner: User,
    name: str,
    expires_at: datetime | None,
    actor: User | None = None,
    by: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can read again. `by`: when it has to end at the latest.

    Raises KeyRefused and TooManyKeys.
    """
    check(owner=owner, expires_at=expires_at)
    if by is not None and expires_at is not None and expires_at > by:
        raise KeyRefused("expires_at", f"This key may not be valid beyond {by.isoformat()}.")
    digest, text = get_digest_token()
    key = ApiKey(
        digest=digest,
        token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH],
        name=name,
        user=owner,
        created_by=actor,
        expiry=expires_at or by,
    )
    key.save(force_insert=True)
    return key, text


def check(*, owner: User, expires_at: datetime | None) -> None:
    """Raises KeyRefused and TooManyKeys where no such key can be issued."""
    now = datetime.now(UTC)
    if not owner.is_active:
        raise KeyRefused("owner", f"The user {owner} is not active; a key would not work.")
    if expires_at is not None and not now < expires_at <= now + LONGEST:
        why = "A key ends in the future, a hundred years ahead at most."
        raise KeyRefused("expires_at", why)
    in_use = ApiKey.objects.filter(Q(expiry=None) | Q(expiry__gt=now), user=owner, revoked_at=None)
    if in_use.count() >= MOST_IN_USE:
        raise TooManyKeys(f"{owner} has {MOST_IN_USE} keys in use; revoke one first.")


@transaction.atomic
def revoke(*, keys: Iterable[ApiKey]) -> list[ApiKey]:
    """Those of `keys` that were not revoked before; they stop working within a second."""
    now = datetime.now(UTC)
    revoked = [
        key
        for key in keys
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
    ]
    for key in revoked:
        note(key, {"revoked_at": (None, now)})
    return revoked
