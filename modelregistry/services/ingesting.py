"""Checking a file that was handed in: what it is and does, its ONNX form, and the proof of it."""

from collections.abc import Callable

from django.db import transaction

from jobs.errors import Superseded
from jobs.kinds import Work
from jobs.models import Job
from modelregistry.artifacts import Stored
from modelregistry.conversion.outcome import unwatched
from modelregistry.errors import RefusedFile
from modelregistry.ingestion.gate import Examined
from modelregistry.ingestion.keeping import keep_examined
from modelregistry.ingestion.source import Source
from modelregistry.models import ModelVersion, RegisteredModel, Revision
from modelregistry.models.version import UNDER_WAY
from modelregistry.services.looking import Kept, look_at
from modelregistry.services.noting import note_state
from modelregistry.services.storing import store

State = ModelVersion.State
STEPS = ("validate", "convert", "prove")


def ingest(
    *,
    version: ModelVersion,
    step: Callable[[str], None] = unwatched,
    by: Work | None = None,
) -> ModelVersion:
    """The version with its verdict: ready, or rejected with the reason; safe to run again.

    `step` hears validate, convert and prove, each again while it goes on: it may raise, to have
    this end. A job, `by`, writes its verdict only while it is that job's still. Raises
    DamagedArtifact, Unconfined, NotLookedAt, Superseded.
    """
    if not version.is_under_way:
        return version

    def heard(name: str) -> None:
        if name == "convert":
            ModelVersion.objects.advance(version, State.VALIDATING, State.CONVERTING)
        if name in STEPS:
            step(name)

    step("validate")
    ModelVersion.objects.advance(version, version.state, State.VALIDATING)
    try:
        found = look_at(Kept(version=version), model=version.model, step=heard)
        check_task(version.model, found.source)
        return _note(version, by, source=found.source, **_kept(version, found))
    except RefusedFile as refusal:
        return _note(version, by, state=State.REJECTED, reason=str(refusal))


def _kept(version: ModelVersion, found: Examined) -> dict[str, object]:
    """What was found is stored, before there is a row that names it."""
    file = Stored(version.source_sha256, version.source_size)
    if found.kept is not None:
        file = store().put_stream([found.kept])
    return keep_examined(store(), found, file)


def check_task(model: RegisteredModel, source: Source) -> None:
    """Raises RefusedFile where an estimator does something else than those before."""
    if is_certain(source) and model.task not in ("", source.task) and model.is_settled:
        raise RefusedFile(
            f"The model {model.name} does {model.task}; the estimator in this file does "
            f"{source.task}."
        )


def is_certain(source: Source) -> bool:
    """An ONNX file does not say for certain what it does."""
    return source.format == "skops"


@transaction.atomic
def _note(
    version: ModelVersion, by: Work | None, *, source: Source | None = None, **facts: object
) -> ModelVersion:
    """Write it, unless there is a verdict by now; and with the first version, what the model does.

    Raises Superseded, and RefusedFile where another first version does something else.
    """
    if by is not None and not Job.objects.has(by.job_id, by.attempt):
        raise Superseded("Another attempt checks this file now, or none.")
    if source is not None:
        # The lock on the model's row: of two first versions the second sees what the first one is.
        model = RegisteredModel.objects.select_for_update().get(pk=version.model_id)
        if not RegisteredModel.objects.settle_task(model, source.task, certain=is_certain(source)):
            check_task(model, source)
    # Another check of the same file may have given up meanwhile: that was no verdict.
    open_states = (*UNDER_WAY, State.BROKEN)
    without = ModelVersion.objects.filter(pk=version.pk, state__in=open_states, damage="")
    if without.update(**{"reason": "", **facts}):
        note_state(version.pk, version.state, reason=str(facts.get("reason", "")))
        Revision.objects.bump()
    return ModelVersion.objects.select_related("model").get(pk=version.pk)
