"""Retrain a model: what may be asked, what the job tells, and what a producer of its own reads."""

from itertools import chain
from math import isfinite
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from msgspec import UNSET, Meta, UnsetType

from jobs.errors import WrongParams
from jobs.kinds import Kind, Subject, Work, record
from modelregistry.errors import (
    DamagedArtifact,
    NotRetrainable,
    RegistryError,
    StoreUnavailable,
)
from modelregistry.formats.rows import Scalar, is_beyond_floats
from modelregistry.ingestion.lessons import Lesson, RowsFile
from modelregistry.models import RETRAIN, ModelVersion, RegisteredModel
from modelregistry.permissions import RETRAIN_MODEL
from modelregistry.retraining import (
    FEWEST_ROWS,
    PROMOTE,
    STEPS,
    Retrained,
    check_retrainable,
    retrain,
    take_back,
)
from modelregistry.tasks.telling import (
    Steps,
    model_page,
    named_or_wrong,
    owner_of,
    version_facts,
)

MOST_ROWS = 100_000

LessonRows = Annotated[list[list[Scalar]], Meta(min_length=FEWEST_ROWS, max_length=MOST_ROWS)]
Target = int | float | str
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
ColumnName = Annotated[str, Meta(min_length=1, max_length=200)]
AtLeastNothing = Annotated[float, Meta(ge=0)]


class RetrainParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without rows it learns from those handed in with its champion, or newest version.

    `rows_sha256` names a kept file of rows, `target_column` its column of the answers.
    """

    model: str
    rows: LessonRows | None = None
    target: list[Target] | None = None
    rows_sha256: Sha256 | UnsetType | None = UNSET
    target_column: ColumnName | UnsetType | None = UNSET
    promote_if_better_by: AtLeastNothing | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if (self.rows is None) != (self.target is None):
            raise ValueError("rows and target come together or not at all")
        if self.rows and self.target is not None and len(self.rows) != len(self.target):
            raise ValueError("there must be one target for every row")
        if any(map(is_beyond_floats, chain(*(self.rows or ()), self.target or ()))):
            raise ValueError("no number may be beyond those that 64-bit floats hold")
        if bool(self.rows_sha256) != bool(self.target_column):
            raise ValueError("rows_sha256 and target_column come together or not at all")
        if self.rows and self.rows_sha256:
            raise ValueError("the rows are in the parameters or in a file, not both")
        if not isfinite(self.margin() or 0.0):  # JSON would keep it as null: as nothing asked
            raise ValueError("promote_if_better_by must be a finite number")

    def lesson(self) -> Lesson | RowsFile | None:
        if self.rows_sha256 and self.target_column:
            return RowsFile(self.rows_sha256, self.target_column)
        return Lesson(self.rows, self.target) if self.rows and self.target else None

    def margin(self) -> float | None:
        """By how much the new version has to be better to serve; None: it is not promoted."""
        asked = self.promote_if_better_by
        return None if asked is UNSET or asked is None else asked


def run_retrain(work: Work, params: RetrainParams) -> dict[str, object]:
    steps = STEPS if params.margin() is None else (*STEPS, PROMOTE)
    done = retrain(
        job_id=work.job_id,
        model_name=params.model,
        lesson=params.lesson(),
        actor=owner_of(work),
        step=Steps(work, steps),
        promote_if_better_by=params.margin(),
        is_operators=work.is_operators,
    )
    work.log(_comparison(done))
    promotion = _promotion(done)
    work.log(promotion)
    work.progress(len(steps), len(steps), steps[-1])
    return {
        "model": done.version.model.name,
        "version": done.version.number,
        "metrics": done.version.metrics,
        "champion": {
            "version": done.before.number,
            "metrics": done.metrics_before,
            "note": done.caveat,
        },
        "trained_rows": done.trained_rows,
        "heldout_rows": done.heldout_rows,
        "promoted": done.verdict is not None and done.verdict.promoted,
        "promotion": promotion,
        **version_facts(done.version),
    }


def _comparison(done: Retrained) -> str:
    """One line: what was registered, and how it does beside the one it was cloned from."""
    new, old = (
        ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()) or "no figure"
        for metrics in (done.version.metrics, done.metrics_before)
    )
    text = (
        f"{done.version} is registered: {new} on {done.heldout_rows} held-out rows; "
        f"version {done.before.number}: {old} on the same rows."
    )
    return f"{text} {done.caveat}".rstrip()


def _promotion(done: Retrained) -> str:
    """Whether the new version serves now, and why, or why not."""
    if done.verdict is None:
        return "Not promoted: that was not asked for."
    if done.verdict.promoted:
        return f"Promoted. {done.verdict.reason}".rstrip()
    return f"Not promoted. {done.verdict.reason}"


def _model_page(params: RetrainParams, owner: User | None) -> Subject:
    """Its page, where it can be retrained. Raises WrongParams, ArchivedSubject."""
    with named_or_wrong():
        model = RegisteredModel.objects.named(params.model, seen_by=owner)
        model.check_open()
        version = ModelVersion.objects.find(params.model)
    try:
        check_retrainable(version, taught=params.lesson() is not None)
    except NotRetrainable as error:
        raise WrongParams(str(error)) from error
    except (DamagedArtifact, StoreUnavailable):
        pass  # not the asker's fault: the job fails and says so
    return model_page(model)


def retrain_message(
    rows: object = None, target: object = None, *, model: str | None = None
) -> dict[str, Any]:
    """Arguments of a message that a producer sends on its own: none, or rows and their targets."""
    name = settings.DEFAULT_MODEL if model is None else model
    return {"model": name, "rows": rows, "target": target}


def retrain_answer(result: dict[str, Any]) -> dict[str, object]:
    """What such a producer reads. A regressor's accuracy is its R2, and the answer says so.

    It is null where the held-out rows define none.
    """
    metrics = result["metrics"]
    if "accuracy" in metrics:
        return {"status": "model_retrained", "accuracy": metrics["accuracy"]}
    return {"status": "model_retrained", "accuracy": metrics.get("r2"), "metric": "r2"}


record(
    Kind(
        name=RETRAIN,
        title="Retrain a model",
        params=RetrainParams,
        handler=run_retrain,
        subject=_model_page,
        permission=RETRAIN_MODEL,
        shown=(RegistryError,),
        undo=take_back,
        direct=retrain_message,
        direct_result=retrain_answer,
    )
)
