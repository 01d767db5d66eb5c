"""Making a model, and giving it a version from a file."""

import logging
import re
import uuid
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from modelregistry.conversion.budget import DEFAULT_BUDGET
from modelregistry.errors import (
    InvalidName,
    ModelExists,
    UnknownModel,
    VersionExists,
)
from modelregistry.formats.rows import Rows
from modelregistry.ingestion.keeping import keep, keep_examined
from modelregistry.ingestion.source import Source
from modelregistry.models import ModelVersion, RegisteredModel, Revision
from modelregistry.models.names import NAME
from modelregistry.services.converting import budget_of, keep_form
from modelregistry.services.ingesting import check_task, is_certain
from modelregistry.services.looking import Handed, look_at
from modelregistry.services.managing import groups_for
from modelregistry.services.storing import store

log = logging.getLogger(__name__)


def create_model(
    *,
    name: str,
    task: str,
    description: str = "",
    visibility: str = RegisteredModel.Visibility.SIGNED_IN,
    groups: Collection[str] | None = None,
) -> RegisteredModel:
    """A model without versions; `groups` are names of those that it is for.

    Raises InvalidName, WrongSettings, and ModelExists where the name is taken.
    """
    check_name(name)
    try:
        with transaction.atomic():
            model = RegisteredModel.objects.create(
                name=name, task=task, description=description, visibility=visibility
            )
            if groups is not None:
                model.groups.set(groups_for(model, groups))
            return model
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
    """A new version of the model from a .skops or .onnx file, converted and proven: all at once,
    so that a process that dies on the way leaves none.

    An ONNX form that answers differently is not kept: the version then serves in scikit-learn and
    says why. What came as ONNX has no source to be compared with: it is run on its samples.
    With `number`, only under that number. With `create_missing` the model is made if need be.
    Raises InvalidName, UnknownModel, ArchivedModel, RefusedFile, VersionExists; then there is no
    version.
    """
    # Lazy, here and below: scikit-learn and skl2onnx take seconds that a web process never needs.
    from modelregistry.ingestion import opening  # noqa: PLC0415

    check_name(model_name)
    source = opening.read_source(data, samples=samples, heldout=heldout)
    known = _known(model_name, source, may_be_new=create_missing)
    _check_number(known, number)
    form: dict[str, object] = {}
    if source.estimator is not None:
        budget = budget_of(known) if known else DEFAULT_BUDGET
        conversion = opening.convert_source(source, budget=budget)
        form = keep_form(conversion) | {"state": ModelVersion.State.READY}
    facts = keep(store(), source, store().put_stream([data])) | form
    return _add_version(
        model_name, source, facts, actor=actor, number=number, may_be_new=create_missing
    )


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

    Raises UnknownModel, ArchivedModel, RefusedFile.
    """
    from modelregistry.ingestion import opening  # noqa: PLC0415

    source = opening.read_source(data, samples=samples, heldout=heldout)
    _known(model_name, source, may_be_new=False)
    facts = keep(store(), source, store().put_stream([data]))
    return _add_version(model_name, source, facts, actor=actor, job_id=job_id)


def register_file(
    *, model_name: str, data: bytes, samples: Rows | None = None, actor: User | None = None
) -> ModelVersion:
    """The same as register_version for a file that nobody has looked at: a confined process does.

    The model is made where it is missing. Raises InvalidName, ArchivedModel, RefusedFile; then
    there is no version.
    """
    check_name(model_name)
    known = RegisteredModel.objects.filter(name=model_name).first()
    if known is not None:
        known.check_open()  # before a process works on it for minutes
    found = look_at(Handed(model=data, samples=samples), model=known)
    _known(model_name, found.source, may_be_new=True)
    facts = keep_examined(store(), found, store().put_stream([found.kept or data]))
    return _add_version(model_name, found.source, facts, actor=actor, may_be_new=True)


def _known(name: str, source: Source, *, may_be_new: bool) -> RegisteredModel | None:
    """The model, whose task must be the file's. Raises UnknownModel, ArchivedModel, RefusedFile."""
    try:
        model = RegisteredModel.objects.named(name)
    except UnknownModel:
        if not may_be_new:
            raise
        return None
    model.check_open()
    check_task(model, source)
    return model


def _check_number(model: RegisteredModel | None, number: int | None) -> int:
    """The number of the model's next version, which is that one if one is wanted.

    Raises VersionExists.
    """
    following = model.next_number() if model else 1
    if model and number is not None and number < following:
        raise VersionExists(f"The model {model.name} has a version {number} already.")
    return number or following


def _add_version(
    name: str,
    source: Source,
    facts: dict[str, Any],
    *,
    actor: User | None,
    number: int | None = None,
    job_id: uuid.UUID | None = None,
    may_be_new: bool = False,
) -> ModelVersion:
    """The version's row under the next number, and what it needs of its model's, or neither.

    A job has one version: where it made one before, that is the answer. Raises VersionExists
    where `number` is taken, UnknownModel, ArchivedModel, RefusedFile.
    """
    with transaction.atomic():
        # The lock on the model's row lets one registration at a time read and take a number.
        model = _locked(name, source, may_be_new=may_be_new)
        if job_id is not None and (made := ModelVersion.objects.made_by(job_id)):
            return made
        model.check_open()  # it may have been archived while the file was looked at
        version = ModelVersion.objects.create(
            model=model,
            number=_check_number(model, number),
            created_by=actor,
            job_id=job_id,
            **facts,
        )
        Revision.objects.bump()
    log.info("%s registered by %s", version, actor or "the operator")
    return ModelVersion.objects.select_related("model").get(pk=version.pk)  # as it is kept


def _locked(name: str, source: Source, *, may_be_new: bool) -> RegisteredModel:
    """The model, which does what the file does. Raises UnknownModel, RefusedFile."""
    if may_be_new and not RegisteredModel.objects.filter(name=name).exists():
        with suppress(ModelExists):
            create_model(name=name, task=source.task)
    model = RegisteredModel.objects.select_for_update().named(name)
    if not RegisteredModel.objects.settle_task(model, source.task, certain=is_certain(source)):
        check_task(model, source)
    return model
