"""Making a model, and giving it a version from a file."""

import logging
import re
import uuid

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max

from modelregistry.errors import (
    InvalidName,
    ModelExists,
    RefusedFile,
    UnknownModel,
    VersionExists,
)
from modelregistry.formats.rows import Rows
from modelregistry.ingestion.keeping import keep
from modelregistry.ingestion.source import Source
from modelregistry.models import ModelVersion, RegisteredModel, Revision
from modelregistry.models.names import NAME
from modelregistry.services.converting import conclude
from modelregistry.services.storing import store

log = logging.getLogger(__name__)


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
        return conclude(version, opening.convert_source(source)).version
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
    log.info("%s registered by %s", version, actor or "the operator")
    return version
