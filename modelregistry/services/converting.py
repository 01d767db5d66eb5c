"""Converting a version's source to ONNX and proving it, again where that was done before."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from modelregistry.conversion.budget import Budget
from modelregistry.conversion.options import NO_OPTIONS, Options
from modelregistry.conversion.outcome import Conversion, unwatched
from modelregistry.conversion.parity import ParityReport
from modelregistry.errors import NotConvertible
from modelregistry.ingestion.keeping import kept_rows
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.services.noting import note_state
from modelregistry.services.storing import store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a conversion came to; `reason` says why where there is no ONNX form that matches."""

    version: ModelVersion
    parity: ParityReport
    reason: str


def convert(
    *,
    version: ModelVersion,
    actor: User | None = None,
    options: Options | None = None,
    step: Callable[[str], None] = unwatched,
) -> Converted:
    """Convert the version's source and prove it; where that was done, prove the stored form again.

    A version without an ONNX form is completed with it; one that has a form keeps it, and the
    answer is the new proof: where it fails, the version may not be promoted until one succeeds.
    Both are held against the model's budget. `step` hears what begins: convert, then prove. Raises
    NotConvertible, RefusedFile, DamagedArtifact.
    """
    # Lazy: scikit-learn and skl2onnx take seconds that a web process never needs.
    from modelregistry.ingestion import opening  # noqa: PLC0415

    check_convertible(version, options)
    files, budget = store(), budget_of(version.model)
    source = opening.read_source(
        files.read(version.source_sha256),
        samples=kept_rows(files, version.samples_sha256),
        heldout=kept_rows(files, version.heldout_sha256),
    )
    log.info("%s is converted by %s", version, actor or "the operator")
    if version.onnx_sha256:
        step("prove")
        stored, signature = files.read(version.onnx_sha256), version.live().signature
        parity, reason = opening.prove_source(source, stored, signature, budget=budget)
        _note_proof(version, parity, reason)
        fresh = ModelVersion.objects.select_related("model").get(pk=version.pk)
        return Converted(version=fresh, parity=parity, reason=reason)
    conversion = opening.convert_source(source, step, budget=budget, options=options or NO_OPTIONS)
    return conclude(version, conversion)


def _note_proof(version: ModelVersion, parity: ParityReport, reason: str) -> None:
    before, found = version.parity.get("status"), parity.to_json()
    with transaction.atomic():
        ModelVersion.objects.note_proof(version, found, reason)
        if found["status"] != before:
            proof = f"{before} → {found['status']}"
            note_state(version.pk, version.state, proof=proof, reason=reason)


def budget_of(model: RegisteredModel) -> Budget:
    """What an ONNX form of the model's versions is held against."""
    return Budget(tolerance=model.tolerance, allowed_mismatches=model.allowed_mismatches)


def check_convertible(version: ModelVersion, options: Options | None = None) -> None:
    """Raises NotConvertible where there is no source that could be, or the options are too late."""
    if not version.is_known:
        raise NotConvertible(f"{version} cannot be converted: it is {version.state}.")
    if version.damage:
        raise NotConvertible(f"{version} cannot be converted: its file is missing or altered.")
    if version.format == ModelVersion.Format.ONNX:
        raise NotConvertible(f"{version} came as ONNX: there is nothing to convert.")
    if version.state == ModelVersion.State.READY and not version.onnx_sha256:
        _check_unanswered(version)
    if version.onnx_sha256 and options is not None:
        raise NotConvertible(
            f"{version} has an ONNX form and keeps it, so there is nothing to choose. Convert it "
            "without options to prove that form again, or register the file as a new version."
        )


def _check_unanswered(version: ModelVersion) -> None:
    """Raises NotConvertible where an ONNX form would take the place of a source that answers."""
    names = ", ".join(version.aliases.values_list("name", flat=True))
    if names:
        raise NotConvertible(
            f"{version} answers as {names} from its source: with an ONNX form it would answer "
            "otherwise than before, and history would not tell. Hand the file in as a new version, "
            f"or let {names} point to another version first."
        )


def keep_form(conversion: Conversion) -> dict[str, object]:
    """Store the ONNX form, if there is one; the fields of a version that is converted."""
    facts: dict[str, object] = {
        "parity": conversion.parity.to_json(),
        "signature": conversion.signature.to_json(),
        "reason": conversion.reason,
    }
    if conversion.onnx is not None:
        facts["runtime"] = ModelVersion.Runtime.ONNX
        facts["onnx_sha256"] = store().put(conversion.onnx)
        facts["onnx_size"] = len(conversion.onnx)
    return facts


def conclude(version: ModelVersion, conversion: Conversion) -> Converted:
    """Complete the version with its conversion, unless somebody has already done so."""
    facts = keep_form(conversion)
    with transaction.atomic():
        if ModelVersion.objects.complete(version, **facts):
            form = str(facts.get("onnx_sha256", ""))
            note_state(version.pk, version.state, onnx=form, reason=conversion.reason)
    fresh = ModelVersion.objects.select_related("model").get(pk=version.pk)
    return Converted(version=fresh, parity=conversion.parity, reason=conversion.reason)
