"""Convert a version to ONNX, or prove again the form it has."""

from typing import Annotated, Any

import msgspec
from django.contrib.auth.models import User
from msgspec import Meta

from jobs.kinds import Kind, Subject, Work, record
from modelregistry import permissions, services
from modelregistry.conversion.options import Options
from modelregistry.errors import RegistryError
from modelregistry.models import ModelVersion
from modelregistry.tasks.telling import (
    Steps,
    named_or_wrong,
    owner_of,
    proof_of,
    version_facts,
    version_page,
)

CONVERT = "convert_model_task"
CONVERT_STEPS = ("load", "convert", "prove")


class ConvertParams(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    model: str
    version: Annotated[int, Meta(ge=1)]
    options: Options | None = None


def conversion_of(version: ModelVersion, options: Options | None = None) -> dict[str, Any]:
    """The parameters of a job that converts it. Raises NotConvertible."""
    services.check_convertible(version, options)
    params = {"model": version.model.name, "version": version.number}
    return params if options is None else params | {"options": msgspec.to_builtins(options)}


def run_convert(work: Work, params: ConvertParams) -> dict[str, object]:
    step = Steps(work, CONVERT_STEPS)
    step("load")
    version = ModelVersion.objects.find(params.model, params.version)
    done = services.convert(
        version=version, actor=owner_of(work), options=params.options, step=step
    )
    work.progress(len(CONVERT_STEPS), len(CONVERT_STEPS), CONVERT_STEPS[-1])
    if not done.parity.matches:
        work.log(f"{done.version.unproven} {done.reason}", "warning")
    return {**version_facts(done.version), "parity": proof_of(done.parity.to_json())}


def _version_page(params: ConvertParams, owner: User | None) -> Subject:
    with named_or_wrong():
        version = ModelVersion.objects.find(params.model, params.version, seen_by=owner)
    return version_page(version)


record(
    Kind(
        name=CONVERT,
        title="Convert a version to ONNX",
        params=ConvertParams,
        handler=run_convert,
        subject=_version_page,
        permission=permissions.CONVERT,
        shown=(RegistryError,),
    )
)
