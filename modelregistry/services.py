"""What changes the registry: create a model, register a version, convert it, promote it.

Slow work (loading, converting, proving) is done outside transactions; each transaction writes
what is known by then. Files are stored before the row that names them.
"""

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from modelregistry.artifacts import ArtifactStore
from modelregistry.conversion.outcome import Conversion, unwatched
from modelregistry.conversion.parity import ParityReport
from modelregistry.errors import (
    DamagedArtifact,
    InvalidName,
    ModelExists,
    NotConvertible,
    NotPromotable,
    RefusedFile,
    UnknownModel,
    VersionExists,
)
from modelregistry.formats.rows import Rows
from modelregistry.ingestion.keeping import keep, kept_rows
from modelregistry.ingestion.source import Source
from modelregistry.models import (
    CHAMPION,
    Alias,
    AliasChange,
    ModelVersion,
    RegisteredModel,
    Revision,
)
from modelregistry.models.names import NAME

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a conversion came to; `reason` says why where there is no ONNX form that matches."""

    version: ModelVersion
    parity: ParityReport
    reason: str


def store() -> ArtifactStore:
    return ArtifactStore(settings.ARTIFACT_DIR)


def create_model(
    *,
    name: str,
    task: str,
    description: str = "",
    visibility: str = RegisteredModel.Visibility.SIGNED_IN,
) -> RegisteredModel:
    """A model without versions. Raises InvalidName, and ModelExists where the name is taken."""
    check_name(name)
    try:
        with transaction.atomic():
            return RegisteredModel.objects.create(
                name=name, task=task, description=description, visibility=visibility
            )
    except IntegrityError as error:
        if RegisteredModel.objects.filter(name=name).exists():
            raise ModelExists(f"There is a model {name} already.") from error
        raise


def check_name(name: str) -> None:
    """Raises InvalidName."""
    if not re.match(NAME, name):
        raise InvalidName(
            "A model's name has 1 to 64 of a-z, 0-9, dot, dash and underscore, and begins with a "
            "letter or a digit."
        )


def register_version(
    *,
    model_name: str,
    data: bytes,
    actor: User | None = None,
    samples: Rows | None = None,
    heldout: Rows | None = None,
    number: int | None = None,
    create_missing: bool = False,
) -> ModelVersion:
    """A new version of the model from a .skops or .onnx file, converted and proven.

    An ONNX form that answers differently is not kept: the version then serves in scikit-learn and
    says why. What came as ONNX has no source to be compared with: it is run on its samples.
    With `number`, only under that number. With `create_missing` the model is made if need be.
    Raises InvalidName, UnknownModel, RefusedFile, VersionExists; then there is no version.
    """
    # Lazy, here and below: scikit-learn and skl2onnx take seconds that a web process never needs.
    from modelregistry.ingestion import opening  # noqa: PLC0415

    check_name(model_name)
    source = opening.read_source(data, samples=samples, heldout=heldout)
    model = _model_for(model_name, source, create_missing=create_missing)
    version = _add_version(model, source, data, actor=actor, number=number)
    if source.estimator is None:
        return version
    try:
        return _conclude(version, opening.convert_source(source)).version
    except BaseException:  # whatever stops it leaves no version half made
        ModelVersion.objects.withdraw(version)
        raise


def register_for_job(
    *,
    job_id: uuid.UUID,
    model_name: str,
    data: bytes,
    samples: Rows,
    heldout: Rows,
    actor: User | None = None,
) -> ModelVersion:
    """The one version that this job registers, however often it runs; not converted yet.

    Raises UnknownModel, RefusedFile.
    """
    from modelregistry.ingestion import opening  # noqa: PLC0415

    source = opening.read_source(data, samples=samples, heldout=heldout)
    model = _model_for(model_name, source, create_missing=False)
    return _add_version(model, source, data, actor=actor, job_id=job_id)


def convert(
    *, version: ModelVersion, actor: User | None = None, step: Callable[[str], None] = unwatched
) -> Converted:
    """Convert the version's source and prove it; where that was done, prove the stored form again.

    A version without an ONNX form is completed with it; one that has a form keeps it, and the
    answer is the new proof. `step` hears what begins: convert, then prove. Raises NotConvertible,
    RefusedFile, DamagedArtifact.
    """
    from modelregistry.ingestion import opening  # noqa: PLC0415

    check_convertible(version)
    files = store()
    source = opening.read_source(
        files.read(version.source_sha256),
        samples=kept_rows(files, version.samples_sha256),
        heldout=kept_rows(files, version.heldout_sha256),
    )
    log.info("%s is converted by %s", version, _named(actor))
    if version.onnx_sha256:
        step("prove")
        stored, signature = files.read(version.onnx_sha256), version.live().signature
        parity, reason = opening.prove_source(source, stored, signature)
        return Converted(version=version, parity=parity, reason=reason)
    return _conclude(version, opening.convert_source(source, step))


def check_convertible(version: ModelVersion) -> None:
    """Raises NotConvertible where there is no source that could be."""
    if version.format == ModelVersion.Format.ONNX:
        raise NotConvertible(f"{version} came as ONNX: there is nothing to convert.")


def sample_rows(version: ModelVersion) -> Rows | None:
    """The rows that came with the version. Raises DamagedArtifact."""
    return kept_rows(store(), version.samples_sha256)


def promote(*, version: ModelVersion, actor: User | None = None, reason: str = "") -> AliasChange:
    """The version serves from now on. Raises NotPromotable, saying why it may not.

    The answer is the line of history; promoting the champion again adds none.
    """
    _check_artifact(version)
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().get(pk=version.model_id)
        fresh = ModelVersion.objects.select_related("model").get(pk=version.pk)
        _check_promotable(model, fresh)
        before = Alias.objects.filter(model=model, name=CHAMPION).first()
        if before is not None and before.version_id == fresh.pk:
            return AliasChange.objects.filter(version=fresh, alias=CHAMPION).latest("at", "pk")
        change = _move(CHAMPION, fresh, before=before, actor=actor, reason=reason)
    log.info("%s promoted by %s", fresh, _named(actor))
    return change


def _model_for(name: str, source: Source, *, create_missing: bool) -> RegisteredModel:
    """The model, whose task must be the file's. Raises UnknownModel, RefusedFile."""
    try:
        model = RegisteredModel.objects.named(name)
    except UnknownModel:
        if not create_missing:
            raise
        return _create_or_find(name, source.task)
    if source.format == "skops" and source.task != model.task:
        raise RefusedFile(
            f"The model {name} does {model.task}; the estimator in this file does {source.task}."
        )
    return model


def _create_or_find(name: str, task: str) -> RegisteredModel:
    try:
        return create_model(name=name, task=task)
    except ModelExists:  # made by somebody else a moment ago
        return RegisteredModel.objects.named(name)


def _add_version(
    model: RegisteredModel,
    source: Source,
    data: bytes,
    *,
    actor: User | None,
    number: int | None = None,
    job_id: uuid.UUID | None = None,
) -> ModelVersion:
    """The version's row under the next number. Raises VersionExists where `number` is taken.

    A job has one version: where it made one before, that is the answer.
    """
    facts = keep(store(), source, data)
    with transaction.atomic():
        # The lock on the model's row lets one registration at a time read and take a number.
        RegisteredModel.objects.select_for_update().get(pk=model.pk)
        if job_id is not None and (made := ModelVersion.objects.made_by(job_id)):
            return made
        last = model.versions.aggregate(last=Max("number"))["last"] or 0
        if number is not None and number <= last:
            raise VersionExists(f"The model {model.name} has a version {number} already.")
        version = ModelVersion.objects.create(
            model=model, number=number or last + 1, created_by=actor, job_id=job_id, **facts
        )
        Revision.objects.bump()
    log.info("%s registered by %s", version, _named(actor))
    return version


def _conclude(version: ModelVersion, conversion: Conversion) -> Converted:
    """Complete the version with its conversion, unless somebody has already done so."""
    facts: dict[str, object] = {
        "parity": conversion.parity.to_json(),
        "signature": conversion.signature.to_json(),
        "reason": conversion.reason,
    }
    if conversion.onnx is not None:
        facts["runtime"] = ModelVersion.Runtime.ONNX
        facts["onnx_sha256"] = store().put(conversion.onnx)
        facts["onnx_size"] = len(conversion.onnx)
    ModelVersion.objects.complete(version, **facts)
    fresh = ModelVersion.objects.select_related("model").get(pk=version.pk)
    return Converted(version=fresh, parity=conversion.parity, reason=conversion.reason)


def _check_artifact(version: ModelVersion) -> None:
    """Raises NotPromotable where what would be served is not whole on disk."""
    try:
        store().read(version.live().artifact_sha256)
    except DamagedArtifact as error:
        raise NotPromotable(f"{version} cannot serve: {error}") from error


def _check_promotable(model: RegisteredModel, version: ModelVersion) -> None:
    if model.archived_at is not None:
        raise NotPromotable(f"{version} cannot serve: the model is archived.")
    if version.state != ModelVersion.State.READY:
        raise NotPromotable(f"{version} cannot serve: it is {version.state}, not ready.")


def _move(
    name: str,
    version: ModelVersion,
    *,
    before: Alias | None,
    actor: User | None,
    reason: str,
) -> AliasChange:
    """Point the alias to the version and write history, in the caller's transaction."""
    now = timezone.now()
    Alias.objects.update_or_create(
        model=version.model, name=name, defaults={"version": version, "moved_at": now}
    )
    Revision.objects.bump()
    return AliasChange.objects.create(
        model=version.model,
        alias=name,
        version=version,
        previous=before.version if before else None,
        actor=actor,
        reason=reason,
        at=now,
    )


def _named(actor: User | None) -> str:
    return actor.get_username() if actor else "the operator"
