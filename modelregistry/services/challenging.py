"""A candidate beside the champion, both measured on the same rows: it serves where it is better
by enough, and else it is said why not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from modelregistry.errors import NotPromotable
from modelregistry.models import CHAMPION, Alias, AliasChange, ModelVersion, RegisteredModel
from modelregistry.permissions import PROMOTE
from modelregistry.services.aliasing import move_locked
from modelregistry.services.serviceable import check_whole

COMPARED = (("accuracy", "accuracy"), ("r2", "R2"))  # of classifiers, of regressors
DIGITS = 9  # 0.97 - 0.93 is 0.04, whatever binary fractions make of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What was measured on the same held-out rows, and by how much the candidate has to win."""

    candidate: ModelVersion
    metrics: Mapping[str, float]
    champion: ModelVersion
    champion_metrics: Mapping[str, float]
    heldout_rows: int
    by: float
    caveat: str = ""
    """Why the comparison may be unfair to the candidate, which can only keep it from serving."""


@dataclass(frozen=True, slots=True)
class Verdict:
    promoted: bool
    reason: str


def promote_if_better(
    challenge: Challenge, *, actor: User | None, is_operators: bool = False
) -> Verdict:
    """Promote the candidate where it wins, once, and only over the champion it was measured with.

    A candidate that has been champion stays as it is, whatever became of it since. Without an actor
    nothing is promoted, unless the operator has asked.
    """
    if (line := promotion_of(challenge.candidate)) is not None:
        return Verdict(promoted=True, reason=line.reason)
    won, figures = _judged(challenge)
    if not won:
        return Verdict(promoted=False, reason=figures)
    if actor is None and not is_operators:
        nobody = "Whoever asked for this has no account any more."
        return Verdict(promoted=False, reason=f"{nobody} {figures}")
    if actor is not None and not actor.has_perm(PROMOTE):
        return Verdict(promoted=False, reason=f"{actor} may not let a version serve. {figures}")
    try:
        _promote_over(challenge, actor=actor, reason=f"Retraining: {figures}")
    except NotPromotable as error:
        return Verdict(promoted=False, reason=str(error))
    return Verdict(promoted=True, reason=f"Retraining: {figures}")


def promotion_of(version: ModelVersion) -> AliasChange | None:
    """The line of history by which it first became champion."""
    lines = AliasChange.objects.filter(version=version, alias=CHAMPION)
    return lines.select_related("previous__model").order_by("at", "pk").first()


def _judged(challenge: Challenge) -> tuple[bool, str]:
    """Whether it wins, and the figures as a sentence."""
    new, old = challenge.metrics, challenge.champion_metrics
    both = ((key, name) for key, name in COMPARED if key in new and key in old)
    key, name = next(both, ("", ""))
    if not key:
        return False, "The held-out rows define no figure that both versions could be compared by."
    won = round(new[key] - old[key], DIGITS) >= challenge.by
    figures = (
        f"{name} {new[key]:.4g} against {old[key]:.4g} of version {challenge.champion.number} "
        f"on {challenge.heldout_rows} held-out rows"
    )
    enough = "" if won else f", which is not better by {challenge.by:g}"
    return won, f"{figures}{enough}. {challenge.caveat}".rstrip()


def _promote_over(challenge: Challenge, *, actor: User | None, reason: str) -> None:
    """Raises NotPromotable, also where another version serves by now, or none."""
    check_whole(challenge.candidate)  # reads its file: before anything is locked
    with transaction.atomic():
        # The lock on the model's row: nobody moves the alias between the look and the promotion.
        RegisteredModel.objects.select_for_update().get(pk=challenge.candidate.model_id)
        serving = Alias.objects.filter(model=challenge.candidate.model, name=CHAMPION)
        now = serving.select_related("version").first()
        if now is None:
            raise NotPromotable("No version serves: there is no champion to do better than.")
        if now.version_id != challenge.champion.pk:
            raise NotPromotable(
                f"Version {now.version.number} serves; the comparison was with version "
                f"{challenge.champion.number}."
            )
        move_locked(challenge.candidate, CHAMPION, actor=actor, reason=reason)
