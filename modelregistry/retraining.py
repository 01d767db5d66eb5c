"""Retraining: a clone of the champion's estimator, fitted anew, is measured beside it on the same
held-out rows and registered as a new version, converted and proven. It is promoted only where
that was asked for, and it does better.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import User

from modelregistry import services
from modelregistry.errors import NotRetrainable
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Signature
from modelregistry.ingestion.keeping import kept_rows
from modelregistry.ingestion.lessons import Lesson, RowsFile, in_order
from modelregistry.models import ModelVersion

STEPS = ("load", "split", "fit", "measure", "register", "convert", "prove")
PROMOTE = "promote"  # the last step, where it may come to that
FEWEST_ROWS = 10


@dataclass(frozen=True, slots=True)
class Champion:
    """The version to do better than, and its estimator, which takes columns by position."""

    version: ModelVersion
    estimator: Any  # scikit-learn is untyped


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What has been fitted, or was registered by an earlier attempt; and what measures it."""

    estimator: Any | None  # None: registered already
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
    verdict: services.Verdict | None = None  # where nobody asked for a promotion

    @property
    def caveat(self) -> str:
        """Why the comparison may be unfair to the new version; empty where it is not."""
        if self.version.heldout_sha256 == self.before.heldout_sha256:
            return ""
        return (
            f"Version {self.before.number} may have been fitted on some of the held-out rows: "
            "its figures may be too good."
        )

    def challenge(self, by: float) -> services.Challenge:
        return services.Challenge(
            candidate=self.version,
            metrics=self.version.metrics,
            champion=self.before,
            champion_metrics=self.metrics_before,
            heldout_rows=self.heldout_rows,
            by=by,
            caveat=self.caveat,
        )


def retrain(
    *,
    job_id: uuid.UUID,
    model_name: str,
    lesson: Lesson | RowsFile | None,
    actor: User | None,
    step: Callable[[str], None],
    promote_if_better_by: float | None = None,
    is_operators: bool = False,
) -> Retrained:
    """Learn from `lesson`, or from the rows that were handed in with the version before.

    With `promote_if_better_by` the new version serves where its accuracy, or a regressor's R2, is
    better by that much, and `actor` may promote; `is_operators` says that without one the operator
    has asked. A second attempt of the same job completes the version that the first has
    registered. `step` hears which of STEPS begins, and PROMOTE. Raises NotRetrainable,
    UnknownModel, UnknownVersion, ArchivedModel, RefusedFile, Unconfined, DamagedArtifact,
    StoreUnavailable.
    """
    made = ModelVersion.objects.made_by(job_id)
    champion = _load(model_name, job_id, made, taught=lesson is not None, step=step)
    trained = _train(champion, lesson, step) if made is None else _registered(made)
    metrics_before = _measure(champion, trained.heldout, step)
    step("register")
    version = made or _register(job_id, model_name, trained, actor)
    done = Retrained(
        version=services.convert(version=version, actor=actor, step=step).version,
        before=champion.version,
        metrics_before=metrics_before,
        trained_rows=len(trained.samples),
        heldout_rows=len(trained.heldout),
    )
    if promote_if_better_by is None:
        return done
    step(PROMOTE)
    challenge = done.challenge(promote_if_better_by)
    verdict = services.promote_if_better(challenge, actor=actor, is_operators=is_operators)
    return replace(done, verdict=verdict)


def _load(
    model_name: str,
    job_id: uuid.UUID,
    made: ModelVersion | None,
    *,
    taught: bool,
    step: Callable[[str], None],
) -> Champion:
    step("load")
    # Lazy: scikit-learn takes seconds that a process which only starts retraining never needs.
    from modelregistry.ingestion.refitting import load_measurable  # noqa: PLC0415

    version = _before(model_name, job_id, made)
    check_retrainable(version, taught=taught)
    return Champion(version, load_measurable(services.store().read(version.source_sha256)))


def _before(model_name: str, job_id: uuid.UUID, made: ModelVersion | None) -> ModelVersion:
    """The version to do better than: not the one that an earlier attempt made, or promoted."""
    promotion = services.promotion_of(made) if made else None
    if promotion is not None and promotion.previous is not None:
        return promotion.previous
    return ModelVersion.objects.exclude(job_id=job_id).find(model_name)


def _measure(champion: Champion, heldout: Rows, step: Callable[[str], None]) -> dict[str, float]:
    from modelregistry.conversion.scoring import score  # noqa: PLC0415 (as above)

    step("measure")
    try:
        return score(champion.estimator, heldout)
    except (ValueError, TypeError) as error:
        raise NotRetrainable(
            "The version before cannot be measured on these rows: there is a value in them that it "
            "does not know, or their targets are of another kind than its answers."
        ) from error


def check_retrainable(version: ModelVersion, *, taught: bool) -> None:
    """Raises NotRetrainable where it has no estimator, or no rows though none are given; and
    ArchivedModel, DamagedArtifact, StoreUnavailable.
    """
    version.model.check_open()
    if not version.is_known:
        raise NotRetrainable(f"{version} cannot be retrained: it is {version.state}.")
    if version.format == ModelVersion.Format.ONNX:
        raise NotRetrainable(
            f"{version} came as ONNX: there is no estimator to fit anew. {_how_to(version)}"
        )
    if not taught and not _keeps_targets(version):
        raise _untaught(version)


def _keeps_targets(version: ModelVersion) -> bool:
    kept = services.unread_rows(version, "samples")
    if kept is None:
        return False
    with kept:
        return kept.has_targets


def take_back(job_id: uuid.UUID) -> None:
    """Withdraw the version of a job that ended before it was complete."""
    if version := ModelVersion.objects.made_by(job_id):
        ModelVersion.objects.withdraw(version)


def _taught(version: ModelVersion) -> Rows:
    """The rows that were handed in with it, and their targets. Raises DamagedArtifact."""
    rows = services.sample_rows(version)
    if rows is None or rows.targets is None:
        raise _untaught(version)
    return rows


def _untaught(version: ModelVersion) -> NotRetrainable:
    return NotRetrainable(f"{version} keeps no rows with targets. {_how_to(version)}")


def _how_to(version: ModelVersion) -> str:
    command = f"manage.py register_model FILE.skops --model {version.model.name}"
    return f"Hand in rows to learn from: {command} --samples FILE.csv --target COLUMN."


def _train(
    champion: Champion, lesson: Lesson | RowsFile | None, step: Callable[[str], None]
) -> Trained:
    from modelregistry.ingestion.refitting import refit  # noqa: PLC0415 (as above)

    step("split")
    before = champion.version
    samples, heldout = _given(before, lesson, step) if lesson else _stored(before)
    step("fit")
    fitted = refit(champion.estimator, samples)
    return Trained(estimator=fitted, samples=samples, heldout=heldout)


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


def _given(
    before: ModelVersion, lesson: Lesson | RowsFile, step: Callable[[str], None]
) -> tuple[Rows, Rows]:
    """What came with the order; a step that is told again lets who listens end the reading."""
    columns = Signature.from_json(before.signature).columns
    if isinstance(lesson, Lesson):
        return _split(lesson.rows_for(columns))
    rows = services.read_table(lesson, step=lambda _: step("split"))
    return _split(in_order(rows, columns))


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
