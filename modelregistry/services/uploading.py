"""Handing in a model: its files are kept, and a job checks them; until then the version waits."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from jobs.errors import KeyReused
from jobs.models import Job
from jobs.services import started_by, submit
from modelregistry.errors import ModelExists, RefusedFile, RefusedRows, UnknownModel
from modelregistry.intake.recognise import check_start
from modelregistry.intake.tables import check_columns
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.models.version import UNDER_WAY
from modelregistry.services.noting import note_state
from modelregistry.services.registering import check_name, create_model
from modelregistry.services.storing import put_upload

log = logging.getLogger(__name__)
HEAD = 1 << 18  # bytes of a file that are looked at while it comes in
INGEST = "ingest_version_task"
State = ModelVersion.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What somebody hands in: the files as they come, chunk by chunk, and words about them."""

    source: Iterable[bytes]
    samples: Iterable[bytes] | None = None
    target: str = ""
    """The column of the samples that holds the expected answers; empty: none does."""
    metadata: dict[str, Any]


def hand_in(
    *,
    model_name: str,
    upload: Upload,
    actor: User | None,
    origin: str = Job.Origin.REST,
    idempotency_key: str | None = None,
    new_model: dict[str, str] | None = None,
) -> ModelVersion:
    """A version that is pending, and the job that checks it: its `job_id`.

    The same key of the same person answers with the version that it has made before. A model that
    is missing is made with the fields of `new_model`, where those are given. Raises InvalidName,
    UnknownModel, ModelExists, ArchivedModel, RefusedFile, TooLarge, KeyReused, and OSError where
    the disk is full; then there is no version.
    """
    check_name(model_name)
    check_open(model_name, may_be_new=new_model is not None, seen_by=actor)
    facts = _kept(_checked(upload))
    with transaction.atomic():
        model = _locked(model_name, new_model)
        if before := started_by(owner=actor, idempotency_key=idempotency_key):
            return _the_same(before, model, facts)
        version = ModelVersion.objects.create(
            model=model, number=model.next_number(), created_by=actor, **facts
        )
        _start_check(version, owner=actor, origin=origin, idempotency_key=idempotency_key)
    log.info("%s handed in by %s", version, actor or "the operator")
    return version


def check_open(model_name: str, *, may_be_new: bool = False, seen_by: User | None = None) -> None:
    """Whether the model takes versions; without `seen_by` as the operator sees it.

    Raises UnknownModel, ArchivedModel, and ModelExists where one that may be new is there, unseen.
    """
    try:
        RegisteredModel.objects.named(model_name, seen_by=seen_by).check_open()
    except UnknownModel as error:
        if not may_be_new:
            raise
        if RegisteredModel.objects.filter(name=model_name).exists():
            raise ModelExists(f"There is a model {model_name} already.") from error


def take_up(version: ModelVersion) -> ModelVersion:
    """The version as it is; one whose check ended without a verdict waits for the next one."""
    ended = ModelVersion.objects.filter(pk=version.pk, state=State.BROKEN, damage="")
    with transaction.atomic():
        if ended.update(state=State.PENDING, reason=""):
            note_state(version.pk, State.BROKEN)
    return ModelVersion.objects.select_related("model").get(pk=version.pk)


def give_up(version: ModelVersion, reason: str) -> None:
    """Its check has ended without a verdict; one that has a verdict keeps it."""
    waiting = ModelVersion.objects.filter(pk=version.pk, state__in=UNDER_WAY)
    with transaction.atomic():
        if waiting.update(state=State.BROKEN, reason=reason):
            note_state(version.pk, version.state, reason=reason)


def _checked(upload: Upload) -> Upload:
    """The same, once the beginnings of its files have been seen: what is plainly no model, and
    rows without the target, get no version that waits. Raises RefusedFile, RefusedRows.
    """
    head, whole, source = _begun(upload.source)
    check_start(head, whole=whole, pickles=settings.MLAPI.allow_pickle)
    if upload.samples is None:
        return replace(upload, source=source)
    head, whole, samples = _begun(upload.samples)
    try:
        check_columns(head, whole=whole, target=upload.target or None)
    except RefusedFile as refusal:
        raise RefusedRows(str(refusal)) from refusal
    return replace(upload, source=source, samples=samples)


def _begun(chunks: Iterable[bytes]) -> tuple[bytes, bool, Iterator[bytes]]:
    """The first bytes, whether they are all, and the whole."""
    head, rest = b"", iter(chunks)
    while len(head) < HEAD:
        piece = next(rest, None)
        if piece is None:
            return head, True, iter([head])
        head += piece
    return head, False, chain([head], rest)


def _kept(upload: Upload) -> dict[str, Any]:
    """The files in the store; the fields of the version that names them."""
    stored = put_upload(upload.source)
    handed_in: dict[str, Any] = {"source": stored.sha256}
    if upload.samples is not None:
        samples = put_upload(upload.samples)
        handed_in |= {"samples": samples.sha256, "target": upload.target or None}
    return {
        "source_sha256": stored.sha256,
        "source_size": stored.size,
        "handed_in": handed_in,
        "metadata": upload.metadata,
    }


def _locked(name: str, new_model: dict[str, str] | None) -> RegisteredModel:
    """The model, whose next number nobody else takes in this transaction."""
    if new_model is not None:
        with suppress(ModelExists):
            create_model(name=name, task="", **new_model)
    model = RegisteredModel.objects.select_for_update().named(name)
    model.check_open()
    return model


def _the_same(job: Job, model: RegisteredModel, facts: dict[str, Any]) -> ModelVersion:
    """What the key has made before. Raises KeyReused where that was something else."""
    version = ModelVersion.objects.made_by(job.pk)
    if version is None or version.model_id != model.pk or not _alike(version, facts):
        raise KeyReused("This idempotency key has started another job.")
    return version


def _alike(version: ModelVersion, facts: dict[str, Any]) -> bool:
    """By what was handed in: the file of a version that came as a pickle is another one by now."""
    was = {"source": version.source_sha256, **version.handed_in}  # old rows have no "source"
    return bool((was, version.metadata) == (facts["handed_in"], facts["metadata"]))


def _start_check(version: ModelVersion, **asked: Any) -> None:
    """In the transaction that has made the version: there is never one without the other."""
    params = {"model": version.model.name, "version": version.number}
    version.job_id = submit(kind=INGEST, params=params, **asked).pk
    ModelVersion.objects.filter(pk=version.pk).update(job_id=version.job_id)
