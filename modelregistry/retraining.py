"""Retraining: a clone of the champion's estimator, fitted anew, is measured beside it on the same
held-out rows and registered as a new version, converted and proven. It is not promoted.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from modelregistry import services
from modelregistry.errors import NotRetrainable
from modelregistry.formats.rows import Rows, Scalar
from modelregistry.formats.runtime import ClassLabel, FormatError
from modelregistry.formats.signature import Signature
from modelregistry.ingestion.keeping import kept_rows
from modelregistry.models import ModelVersion

STEPS = ("load", "split", "fit", "measure", "register", "convert", "prove")
FEWEST_ROWS = 10


@dataclass(frozen=True, slots=True)
class Lesson:
    """Rows to learn from that came with the order, column by column as the model takes them."""

    rows: Sequence[Sequence[Scalar]]
    target: Sequence[ClassLabel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What has been fitted, or was registered by an earlier attempt; and what measures it."""

    estimator: Any | None  # scikit-learn is untyped; None: registered already
    samples: Rows
    heldout: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """The new version beside the one it was cloned from, both measured on the held-out rows."""

    version: ModelVersion
    before: ModelVersion
    metrics_before: dict[str, float]
    trained_rows: int
    heldout_rows: int

    @property
    def caveat(self) -> str:
        """Why the comparison may be unfair to the new version; empty where it is not."""
        if self.version.heldout_sha256 == self.before.heldout_sha256:
            return ""
        return (
            f"Version {self.before.number} may have been fitted on some of the held-out rows: "
            "its figures may be too good."
        )


def retrain(
    *,
    job_id: uuid.UUID,
    model_name: str,
    lesson: Lesson | None,
    actor: User | None,
    step: Callable[[str], None],
) -> Retrained:
    """Learn from `lesson`, or from the rows that were handed in with the version before.

    A second attempt of the same job completes the version that the first has registered. `step`
    hears which of STEPS begins. Raises NotRetrainable, UnknownModel, UnknownVersion, RefusedFile,
    DamagedArtifact.
    """
    step("load")
    # Lazy: scikit-learn takes seconds that a process which only starts retraining never needs.
    from modelregistry.ingestion.refitting import load_measurable  # noqa: PLC0415

    before = ModelVersion.objects.exclude(job_id=job_id).find(model_name)
    check_retrainable(before, taught=lesson is not None)
    champion = load_measurable(services.store().read(before.source_sha256))
    version = ModelVersion.objects.made_by(job_id)
    trained = _train(before, champion, lesson, step) if version is None else _registered(version)
    step("measure")
    metrics_before = _measured(champion, trained.heldout)
    step("register")
    if version is None:
        version = _register(job_id, model_name, trained, actor)
    return Retrained(
        version=services.convert(version=version, actor=actor, step=step).version,
        before=before,
        metrics_before=metrics_before,
        trained_rows=len(trained.samples),
        heldout_rows=len(trained.heldout),
    )


def _measured(champion: Any, heldout: Rows) -> dict[str, float]:
    from modelregistry.conversion.scoring import score  # noqa: PLC0415 (as above)

    try:
        return score(champion, heldout)
    except (ValueError, TypeError) as error:
        raise NotRetrainable(
            "The version before cannot be measured on these rows: "
            "their targets are of another kind than its answers."
        ) from error


def check_retrainable(version: ModelVersion, *, taught: bool) -> None:
    """Raises NotRetrainable where it has no estimator, or no rows though none are given."""
    if version.format == ModelVersion.Format.ONNX:
        raise NotRetrainable(
            f"{version} came as ONNX: there is no estimator to fit anew. {_how_to(version)}"
        )
    if not taught:
        _taught(version)


def take_back(job_id: uuid.UUID) -> None:
    """Withdraw the version of a job that ended before it was complete."""
    if version := ModelVersion.objects.made_by(job_id):
        ModelVersion.objects.withdraw(version)


def _taught(version: ModelVersion) -> Rows:
    """The rows that were handed in with it, and their targets. Raises DamagedArtifact."""
    rows = services.sample_rows(version)
    if rows is None or rows.targets is None:
        raise NotRetrainable(f"{version} keeps no rows with targets. {_how_to(version)}")
    return rows


def _how_to(version: ModelVersion) -> str:
    command = f"manage.py register_model FILE.skops --model {version.model.name}"
    return f"Hand in rows to learn from: {command} --samples FILE.csv --target COLUMN."


def _train(
    before: ModelVersion, champion: Any, lesson: Lesson | None, step: Callable[[str], None]
) -> Trained:
    from modelregistry.ingestion.refitting import refit  # noqa: PLC0415 (as above)

    step("split")
    samples, heldout = _given(before, lesson) if lesson else _stored(before)
    step("fit")
    return Trained(estimator=refit(champion, samples), samples=samples, heldout=heldout)


def _register(
    job_id: uuid.UUID, model_name: str, trained: Trained, actor: User | None
) -> ModelVersion:
    from modelregistry.ingestion.refitting import as_file  # noqa: PLC0415 (as above)

    return services.register_for_job(
        job_id=job_id,
        model_name=model_name,
        data=as_file(trained.estimator),
        samples=trained.samples,
        heldout=trained.heldout,
        actor=actor,
    )


def _given(before: ModelVersion, lesson: Lesson) -> tuple[Rows, Rows]:
    columns = Signature.from_json(before.signature).columns
    try:
        rows = Rows(
            columns=columns, values=tuple(map(tuple, lesson.rows)), targets=tuple(lesson.target)
        )
    except FormatError as error:
        raise NotRetrainable(f"It cannot learn from these rows. {error}") from error
    return _split(rows)


def _stored(before: ModelVersion) -> tuple[Rows, Rows]:
    """What was handed in with the version before, and the rows held out then, if any were."""
    samples, heldout = _taught(before), kept_rows(services.store(), before.heldout_sha256)
    if heldout is None or heldout.targets is None:
        return _split(samples)
    return samples, heldout


def _split(rows: Rows) -> tuple[Rows, Rows]:
    from modelregistry.ingestion.refitting import split  # noqa: PLC0415 (as above)

    if len(rows) < FEWEST_ROWS:
        raise NotRetrainable(f"It takes {FEWEST_ROWS} rows to learn from some and measure on some.")
    return split(rows)


def _registered(version: ModelVersion) -> Trained:
    """What an earlier attempt has learnt from and kept with its version."""
    files = services.store()
    samples = kept_rows(files, version.samples_sha256)
    heldout = kept_rows(files, version.heldout_sha256)
    assert samples is not None  # kept with every version that a job has registered
    assert heldout is not None
    return Trained(estimator=None, samples=samples, heldout=heldout)
