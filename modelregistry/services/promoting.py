"""Promotion: a version becomes champion."""

from django.contrib.auth.models import User

from modelregistry.models import CHAMPION, AliasChange, ModelVersion
from modelregistry.services.aliasing import move_alias


def promote(*, version: ModelVersion, actor: User | None = None, reason: str = "") -> AliasChange:
    """The version serves from now on. Raises NotPromotable, saying why it may not.

    The answer is the line of history; promoting the champion again adds none.
    """
    return move_alias(version=version, alias=CHAMPION, actor=actor, reason=reason)
