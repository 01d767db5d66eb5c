"""The kinds of work on models: retrain and convert. Each handler translates and calls one step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from msgspec import Meta

from jobs.errors import WrongParams
from jobs.kinds import Kind, Subject, Work, record
from modelregistry import services
from modelregistry.errors import (
    DamagedArtifact,
    NotRetrainable,
    RegistryError,
    UnknownModel,
    UnknownVersion,
)
from modelregistry.formats.rows import Scalar
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.retraining import (
    FEWEST_ROWS,
    STEPS,
    Lesson,
    Retrained,
    check_retrainable,
    retrain,
    take_back,
)

RETRAIN, CONVERT = "retrain_model_task", "convert_model_task"
CONVERT_STEPS = ("load", "convert", "prove")
PROOF = (
    "status", "rows", "label_mismatches", "ties", "on_threshold", "max_abs_diff", "threshold_diff",
)  # fmt: skip
MOST_ROWS = 100_000

LessonRows = Annotated[list[list[Scalar]], Meta(min_length=FEWEST_ROWS, max_length=MOST_ROWS)]
Target = int | float | str


class RetrainParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without rows it learns from those handed in with its champion, or newest version."""

    model: str
    rows: LessonRows | None = None
    target: list[Target] | None = None

    def __post_init__(self) -> None:
        if (self.rows is None) != (self.target is None):
            raise ValueError("rows and target come together or not at all")
        if self.rows and self.target is not None and len(self.rows) != len(self.target):
            raise ValueError("there must be one target for every row")

    def lesson(self) -> Lesson | None:
        return Lesson(self.rows, self.target) if self.rows and self.target else None


class ConvertParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: str
    version: Annotated[int, Meta(ge=1)]


def conversion_of(version: ModelVersion) -> dict[str, Any]:
    """The parameters of a job that converts it. Raises NotConvertible."""
    services.check_convertible(version)
    return {"model": version.model.name, "version": version.number}


class Steps:
    """Tells the row of a job, and its log, which of its named steps begins."""

    def __init__(self, work: Work, names: Sequence[str]) -> None:
        self._work = work
        self._names = names
        self._begun = -1

    def __call__(self, name: str) -> None:
        """A step that is made once more, in double precision, is told as the work goes on."""
        place = max(self._names.index(name), self._begun)
        self._work.progress(place, len(self._names), self._names[place])
        if place > self._begun:
            self._begun = place
            self._work.log(f"Step {place + 1} of {len(self._names)}: {name}.")


def run_retrain(work: Work, params: RetrainParams) -> dict[str, object]:
    done = retrain(
        job_id=work.job_id,
        model_name=params.model,
        lesson=params.lesson(),
        actor=_owner(work),
        step=Steps(work, STEPS),
    )
    work.log(_comparison(done))
    work.progress(len(STEPS), len(STEPS), STEPS[-1])
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
        **_version_facts(done.version),
    }


def run_convert(work: Work, params: ConvertParams) -> dict[str, object]:
    step = Steps(work, CONVERT_STEPS)
    step("load")
    version = ModelVersion.objects.find(params.model, params.version)
    done = services.convert(version=version, actor=_owner(work), step=step)
    work.progress(len(CONVERT_STEPS), len(CONVERT_STEPS), CONVERT_STEPS[-1])
    if not done.parity.matches:
        work.log(f"{done.version.unproven} {done.reason}", "warning")
    return {**_version_facts(done.version), "parity": _proof(done.parity.to_json())}


def _version_facts(version: ModelVersion) -> dict[str, object]:
    return {
        "model": version.model.name,
        "version": version.number,
        "state": version.state,
        "runtime": version.runtime,
        "parity": _proof(version.parity),
        "reason": version.reason,
    }


def _proof(report: dict[str, Any]) -> dict[str, Any]:
    """What the API says of a version's parity; the whole report is the version's."""
    return {name: report[name] for name in PROOF if name in report}  # old ones have fewer


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


def _owner(work: Work) -> User | None:
    return None if work.owner_id is None else User.objects.filter(pk=work.owner_id).first()


def _model_page(params: RetrainParams) -> Subject:
    """Its page, where it can be retrained. Raises WrongParams."""
    with named_or_wrong():
        model = RegisteredModel.objects.named(params.model)
        version = ModelVersion.objects.find(params.model)
    try:
        check_retrainable(version, taught=params.rows is not None)
    except NotRetrainable as error:
        raise WrongParams(str(error)) from error
    except DamagedArtifact:
        pass  # not the asker's fault: the job fails and says so
    return model_page(model)


def _version_page(params: ConvertParams) -> Subject:
    with named_or_wrong():
        version = ModelVersion.objects.find(params.model, params.version)
    return Subject(str(version), "admin:modelregistry_modelversion_change", str(version.pk))


def model_page(model: RegisteredModel) -> Subject:
    return Subject(model.name, "admin:modelregistry_registeredmodel_change", str(model.pk))


@contextmanager
def named_or_wrong() -> Iterator[None]:
    """A job on what nobody knows is refused before there is a row. Raises WrongParams."""
    try:
        yield
    except UnknownModel as error:
        raise WrongParams("There is no model of this name.") from error
    except UnknownVersion as error:
        raise WrongParams("The model has no such version.") from error


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
        permission="modelregistry.retrain_registeredmodel",
        shown=(RegistryError,),
        undo=take_back,
        direct=retrain_message,
        direct_result=retrain_answer,
    )
)
record(
    Kind(
        name=CONVERT,
        title="Convert a version to ONNX",
        params=ConvertParams,
        handler=run_convert,
        subject=_version_page,
        permission="modelregistry.convert_modelversion",
        shown=(RegistryError,),
    )
)
