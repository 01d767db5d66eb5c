"""Which jobs a list shows: the same words in REST, on WebSockets and as the admin's links."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from jobs.errors import WrongFilter
from jobs.models import Job

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "dead"]
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]  # a time without its zone is none
MOST_IDS = 50  # as many as a page of a list has


class Filters(msgspec.Struct, frozen=True):
    kind: str | None = None
    state: State | None = None
    owner: str | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    ids: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=MOST_IDS)] | None = None

    def narrow(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        """Those of `jobs` that fit."""
        wanted = {
            "kind": self.kind,
            "state": self.state,
            "owner__username": self.owner,
            "created_at__gt": self.created_after,
            "created_at__lt": self.created_before,
            "pk__in": self.ids,
        }
        return jobs.filter(**{name: value for name, value in wanted.items() if value is not None})


def read_filters(query: Mapping[str, str]) -> Filters:
    """From a URL's query; other words in it are not ours. Raises WrongFilter."""
    given = {name: query[name] for name in Filters.__struct_fields__ if query.get(name)}
    several: dict[str, Any] = {"ids": given["ids"].split(",")} if "ids" in given else {}
    try:
        filters = msgspec.convert(given | several, Filters)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`").partition("[")[0]
        hint = " A time needs its zone: 2026-01-31T12:00:00Z." if "zone" in str(error) else ""
        raise WrongFilter(f"The filter {name} does not take this value.{hint}") from None
    if not all(map(_is_in_utc, (filters.created_after, filters.created_before))):
        raise WrongFilter("A filter by time is before the year 1 or after the year 9999 in UTC.")
    if any("\x00" in value for value in given.values()):
        raise WrongFilter("A filter holds a NUL character.")
    return filters


def _is_in_utc(moment: datetime | None) -> bool:
    """Whether databases have it: near the ends of the calendar a zone leads out of it."""
    try:
        return moment is None or bool(moment.astimezone(UTC))
    except OverflowError:
        return False
