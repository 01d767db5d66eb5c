"""Ordering a retraining: its rows are kept where they come as a file, and a job does the rest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from jobs.errors import NotAllowed
from jobs.models import Job
from jobs.services import check_allowed, submit
from modelregistry.models import RETRAIN
from modelregistry.permissions import PROMOTE
from modelregistry.services.storing import put_upload
from modelregistry.services.uploading import check_open


@dataclass(frozen=True, slots=True)
class RowsHandedIn:
    """A CSV, JSON lines or Parquet file as it comes, and its column of the expected answers."""

    chunks: Iterable[bytes]
    target: str


def check_may_retrain(*, actor: User | None, promoting: bool) -> None:
    """Raises NotAllowed; also where it may come to a promotion that the actor may not make."""
    check_allowed(kind=RETRAIN, actor=actor)
    if promoting and actor is not None and not actor.has_perm(PROMOTE):
        raise NotAllowed("You may not let a version serve: leave out promote_if_better_by.")


def order_retraining(
    *,
    model_name: str,
    actor: User | None,
    origin: str,
    params: dict[str, Any] | None = None,
    rows: RowsHandedIn | None = None,
    promote_if_better_by: float | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """The queued job. A file of rows is read by the job alone, which says what is wrong with it.

    `params` are further parameters of the job. Raises UnknownModel, ArchivedModel, NotAllowed,
    WrongParams, KeyReused, TooLarge, and OSError where the disk is full.
    """
    check_open(model_name, seen_by=actor)
    check_may_retrain(actor=actor, promoting=promote_if_better_by is not None)
    asked = {"model": model_name, **(params or {})}
    if promote_if_better_by is not None:
        asked["promote_if_better_by"] = promote_if_better_by
    if rows is not None:
        stored = put_upload(rows.chunks)
        asked |= {"rows_sha256": stored.sha256, "target_column": rows.target}
    return submit(
        kind=RETRAIN, params=asked, owner=actor, origin=origin, idempotency_key=idempotency_key
    )
