"""Compare two versions of a model on the same rows."""

from typing import Annotated

import msgspec
from django.contrib.auth.models import User
from msgspec import Meta

from jobs.errors import WrongParams
from jobs.kinds import Kind, Subject, Work, record
from modelregistry.comparing import check_comparable, compare_versions, side_of
from modelregistry.comparison.report import STEPS as COMPARE_STEPS
from modelregistry.errors import NotComparable, RegistryError
from modelregistry.models import ModelVersion
from modelregistry.permissions import VIEW_VERSION
from modelregistry.tasks.telling import PAIR_PAGE, Steps, named_or_wrong

COMPARE = "compare_versions_task"


class CompareParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two versions of a model; what is said of "more" is of b's more than a's."""

    model: str
    a: Annotated[int, Meta(ge=1)]
    b: Annotated[int, Meta(ge=1)]


def run_compare(work: Work, params: CompareParams) -> dict[str, object]:
    a, b = (ModelVersion.objects.find(params.model, number) for number in (params.a, params.b))
    found = compare_versions(a, b, step=Steps(work, COMPARE_STEPS))
    work.progress(len(COMPARE_STEPS), len(COMPARE_STEPS), COMPARE_STEPS[-1])
    alike = f"{found.agreement.equal} of {found.agreement.rows}"
    work.log(f"{a} and {b} answer {alike} {found.rows.which} rows alike.")
    sides = {"model": a.model.name, "task": a.model.task, "a": side_of(a), "b": side_of(b)}
    return {**sides, **found.to_json()}


def _both_versions(params: CompareParams, owner: User | None) -> Subject:
    """The page that shows them side by side. Raises WrongParams where there is nothing to see."""
    with named_or_wrong():
        a, b = (
            ModelVersion.objects.find(params.model, number, seen_by=owner)
            for number in (params.a, params.b)
        )
    try:
        check_comparable(a, b)
    except NotComparable as error:
        raise WrongParams(str(error)) from error
    return Subject(f"{a} and {b}", PAIR_PAGE, str(a.model_id))


record(
    Kind(
        name=COMPARE,
        title="Compare two versions",
        params=CompareParams,
        handler=run_compare,
        subject=_both_versions,
        permission=VIEW_VERSION,
        seen_with=VIEW_VERSION,
        time_limit_s=900,
        shown=(RegistryError,),
    )
)
