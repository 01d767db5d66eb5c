"""People as callers of models: those whom Django knows, in the words of the one rule."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import BooleanField, ExpressionWrapper, Q

from modelregistry.audience import ANONYMOUS, Audience, Caller
from modelregistry.permissions import VIEW_ALL_MODELS


def caller_of(user: AbstractBaseUser | AnonymousUser) -> Caller:
    """Reads their groups and permissions."""
    if not isinstance(user, User):
        return ANONYMOUS
    groups = frozenset(user.groups.values_list("pk", flat=True))
    return Caller(known=True, groups=groups, sees_all=user.has_perm(VIEW_ALL_MODELS))


def may_ask(user: AbstractBaseUser | AnonymousUser, audience: Audience) -> bool:
    """The rule; nobody's groups are read where it does not ask for any."""
    if audience.groups is None:
        return audience.admits(Caller(known=isinstance(user, User)))
    return audience.admits(caller_of(user))


def sees_all(user_field: str) -> "ExpressionWrapper[Q]":
    """Of rows that name a user there: whether that one sees all, for those who read many."""
    backend = "django.contrib.auth.backends.ModelBackend"
    users = User.objects.with_perm(VIEW_ALL_MODELS, backend=backend)
    return ExpressionWrapper(Q(**{f"{user_field}__in": users}), output_field=BooleanField())
