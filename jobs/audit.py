"""The audit trail, django-auditlog's: entries for changes that no `save()` makes, and who acts.

An entry is written in its change's transaction. What `save()` and `delete()` change is noted by the
library itself, as far as settings name the model.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from auditlog.context import set_extra_data
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.utils.functional import SimpleLazyObject

CREATED, CHANGED, DELETED = (
    LogEntry.Action.CREATE,
    LogEntry.Action.UPDATE,
    LogEntry.Action.DELETE,
)


def note(
    subject: Model,
    changes: Mapping[str, tuple[object, object]],
    *,
    action: int = CHANGED,
    actor: User | None = None,
    by: str = "",
) -> None:
    """An entry about `subject`; `changes` are names with the value before and after.

    Whose request or job it is done in has done it; `actor`, and `by` which of the service's own
    processes, count where it is in neither.
    """
    told = {name: [_text(old), _text(new)] for name, (old, new) in changes.items()}
    more: dict[str, Any] = {"additional_data": {"process": by}} if by else {}
    if actor is not None:
        more |= {"actor": actor, "actor_email": actor.email}
    LogEntry.objects.log_create(
        subject, action=action, changes=told, object_pk=name_of(subject), **more
    )


def acting(
    user: Callable[[], object], *, address: str | None = None, **within: str
) -> AbstractContextManager[None]:
    """What is noted in this context was done by that user, who is looked up where it is needed.

    `within` says in what: a job's or a request's id.
    """
    facts: dict[str, Any] = {
        "actor": SimpleLazyObject(user),
        "remote_addr": address,
        "additional_data": within,
    }
    context: AbstractContextManager[None] = set_extra_data(facts)
    return context


def name_of(subject: Model) -> str:
    """What the trail knows it by: its primary key, unless that is nothing to show."""
    return str(getattr(subject, "audited_as", subject.pk))


def _text(value: object) -> str:
    return "" if value is None else str(value)
