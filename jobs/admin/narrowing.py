"""The job list's filters, under the names that REST and WebSockets use, and its search by id.

None of them counts or lists what is in the table, which may hold millions.
"""

import re
import uuid

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from jobs.access import visible_to
from jobs.kinds import all_kinds
from jobs.models import Job
from jobs.states import STATES

MOST_OWNERS = 50
_HEX = re.compile(r"[0-9a-f]{4,32}")


class Equal(admin.SimpleListFilter):
    """Rows whose `field` has the chosen value."""

    field: str

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.field: value})


class ByState(Equal):
    title = "state"
    parameter_name = field = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(state, state) for state in STATES]


class ByKind(Equal):
    title = "kind"
    parameter_name = field = "kind"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(kind.name, kind.title) for kind in all_kinds()]


class ByOwner(Equal):
    title = "owner"
    parameter_name = "owner"
    field = "owner__username"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        theirs = visible_to(request.user).filter(owner=OuterRef("pk")).order_by()
        names = get_user_model().objects.filter(Exists(theirs)).values_list("username", flat=True)
        return [(name, name) for name in names.order_by("username")[:MOST_OWNERS]]


def with_id(jobs: QuerySet[Job], term: str) -> QuerySet[Job]:
    """Those whose id begins with `term`, found by the index."""
    start = term.strip().lower().replace("-", "")
    if not _HEX.fullmatch(start):
        return jobs.none()
    first, last = (uuid.UUID(start.ljust(32, digit)) for digit in "0f")
    return jobs.filter(pk__range=(first, last))
