"""When each key was used last: noted in memory, written to the rows once a minute."""

import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from django.db import DatabaseError
from django.db.models import Case, DateTimeField, Q, Value, When

from mlapi.models import ApiKey
from predictions.following import Follower
from predictions.runtime import on_live_connection

WRITTEN_EVERY_S = 60.0
AT_ONCE = 500  # keys in one UPDATE, which names each of them


def _now() -> datetime:
    return datetime.now(UTC)


class LastUses:
    """By digest. Any thread notes; the follower's writes, so that no request waits for it."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._noted: dict[str, datetime] = {}
        self.follower = Follower(
            "last uses of keys", on_live_connection(self.write), interval_s=WRITTEN_EVERY_S
        )

    def note(self, digest: str) -> None:
        """This key has been used now."""
        self._noted[digest] = self._now()

    def write(self) -> None:
        """Write what was noted since the last time; it stays noted where the database fails."""
        for _ in range(0, len(self._noted), AT_ONCE):
            uses = self._taken()
            try:
                _write(uses)
            except DatabaseError:
                for digest, at in uses.items():
                    self._noted.setdefault(digest, at)
                raise

    def end(self) -> None:
        """Write the rest; a database that is away has no last minute."""
        with contextlib.suppress(DatabaseError):
            on_live_connection(self.write)()

    def _taken(self) -> dict[str, datetime]:
        """Item by item: others note meanwhile."""
        return dict(self._noted.popitem() for _ in range(min(AT_ONCE, len(self._noted))))


def _write(uses: Mapping[str, datetime]) -> None:
    """One UPDATE; a later time that another process has written stays."""
    at = Case(
        *(When(pk=digest, then=Value(used)) for digest, used in uses.items()),
        output_field=DateTimeField(),
    )
    earlier = Q(last_used_at=None) | Q(last_used_at__lt=at)
    ApiKey.objects.filter(earlier, pk__in=list(uses)).update(last_used_at=at)


last_uses = LastUses()  # the process's one
