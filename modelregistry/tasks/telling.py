"""What all kinds of work on models tell of it: steps, versions, and the page a job is about."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, PermissionsMixin, User
from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast

from jobs.access import hide
from jobs.errors import WrongParams
from jobs.kinds import Subject, Work
from modelregistry.errors import ArchivedModel, UnknownModel, UnknownVersion
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.permissions import VIEW_ALL_MODELS

PROOF = (
    "status", "rows", "label_mismatches", "ties", "on_threshold", "max_abs_diff", "threshold_diff",
)  # fmt: skip


MODEL_PAGE = "admin:modelregistry_registeredmodel_change"
PAIR_PAGE = "admin:modelregistry_registeredmodel_compare_versions"
MODEL_PAGES = (MODEL_PAGE, PAIR_PAGE)
VERSION_PAGE = "admin:modelregistry_modelversion_change"


class ArchivedSubject(ArchivedModel, WrongParams):
    """For who submits a job a wrong parameter like any other; for REST, an archived model."""


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


def version_facts(version: ModelVersion) -> dict[str, object]:
    return {
        "model": version.model.name,
        "version": version.number,
        "state": version.state,
        "runtime": version.runtime,
        "parity": proof_of(version.parity),
        "reason": version.why,
    }


def proof_of(report: dict[str, Any]) -> dict[str, Any]:
    """What the API says of a version's parity; the whole report is the version's."""
    return {name: report[name] for name in PROOF if name in report}  # old ones have fewer


def owner_of(work: Work) -> User | None:
    return None if work.owner_id is None else User.objects.filter(pk=work.owner_id).first()


@hide
def jobs_unseen_by(user: AbstractBaseUser | AnonymousUser) -> Q | None:
    """Those about models they do not see, and about versions of such."""
    if isinstance(user, PermissionsMixin) and user.has_perm(VIEW_ALL_MODELS):
        return None
    unseen = RegisteredModel.objects.exclude(pk__in=RegisteredModel.objects.visible_to(user))
    versions = ModelVersion.objects.filter(model__in=unseen).order_by()
    return Q(subject_view__in=MODEL_PAGES, subject_id__in=_ids(unseen.order_by())) | Q(
        subject_view=VERSION_PAGE, subject_id__in=_ids(versions)
    )


def _ids(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """As jobs keep them."""
    ids: QuerySet[Any] = rows.annotate(as_text=Cast("pk", CharField())).values("as_text")
    return ids


def model_page(model: RegisteredModel) -> Subject:
    return Subject(model.name, MODEL_PAGE, str(model.pk))


def version_page(version: ModelVersion) -> Subject:
    return Subject(str(version), VERSION_PAGE, str(version.pk))


@contextmanager
def named_or_wrong() -> Iterator[None]:
    """A job on what nobody knows, or that is over, is refused before there is a row.

    Raises WrongParams, ArchivedSubject.
    """
    try:
        yield
    except UnknownModel as error:
        raise WrongParams("There is no model of this name.") from error
    except UnknownVersion as error:
        raise WrongParams("The model has no such version.") from error
    except ArchivedModel as error:
        raise ArchivedSubject(str(error)) from error
