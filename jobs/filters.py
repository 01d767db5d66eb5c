"""Which jobs a list shows: the same words in REST, on WebSockets and as the admin's links."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from django.db.models import QuerySet

from jobs.errors import WrongFilter
from jobs.models import Job

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "dead"]


class Filters(msgspec.Struct, frozen=True):
    kind: str | None = None
    state: State | None = None
    owner: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def narrow(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        """Those of `jobs` that fit."""
        wanted = {
            "kind": self.kind,
            "state": self.state,
            "owner__username": self.owner,
            "created_at__gt": self.created_after,
            "created_at__lt": self.created_before,
        }
        return jobs.filter(**{name: value for name, value in wanted.items() if value is not None})


def read_filters(query: Mapping[str, str]) -> Filters:
    """From a URL's query; other words in it are not ours. Raises WrongFilter."""
    given = {name: query[name] for name in Filters.__struct_fields__ if query.get(name)}
    try:
        filters = msgspec.convert(given, Filters, strict=False)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`")
        raise WrongFilter(f"The filter {name} does not take this value.") from None
    for time in (filters.created_after, filters.created_before):
        if time is not None and time.tzinfo is None:
            raise WrongFilter("A filter by time needs its zone: 2026-01-31T12:00:00Z.")
    if any("\x00" in value for value in given.values()):
        raise WrongFilter("A filter holds a NUL character.")
    return filters
