"""The kind of work that checks a file which was handed in, and what follows where it ends early."""

import uuid
from typing import Annotated

import msgspec
from django.contrib.auth.models import User
from msgspec import Meta

from jobs import states
from jobs.kinds import Kind, Subject, Work, record
from jobs.models import Job
from modelregistry import services
from modelregistry.errors import RegistryError, UnknownModel, UnknownVersion
from modelregistry.models import ModelVersion
from modelregistry.permissions import HAND_IN
from modelregistry.tasks.telling import Steps, named_or_wrong, version_facts, version_page

STEPS = ("validate", "convert", "prove")
WORDS = {
    states.CANCELLED: "The check was cancelled before its end.",
    states.DEAD: "The check was begun several times and never came to its end.",
    states.FAILED: "The check failed.",
}


class IngestParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: str
    version: Annotated[int, Meta(ge=1)]


def run_ingest(work: Work, params: IngestParams) -> dict[str, object]:
    """A file that is refused is a verdict as good as any: the job has done its work."""
    version = services.take_up(ModelVersion.objects.find(params.model, params.version))
    done = services.ingest(version=version, step=Steps(work, STEPS), by=work)
    work.progress(len(STEPS), len(STEPS), done.state)
    if done.reason:
        work.log(done.reason, "warning")
    return version_facts(done)


def end_without_verdict(job_id: uuid.UUID) -> None:
    """The version of a job that was cancelled, failed or lost does not wait for ever.

    Its row is locked: of two checks that end at once, the second one sees the other's end.
    """
    job = Job.objects.find(job_id)
    try:
        version = ModelVersion.objects.find(job.params["model"], job.params["version"])
    except (UnknownModel, UnknownVersion):
        return
    ModelVersion.objects.select_for_update().get(pk=version.pk)
    checks = Job.objects.filter(kind=job.kind, subject_id=str(version.pk)).exclude(pk=job.pk)
    if not checks.filter(state__in=(states.QUEUED, states.RUNNING)).exists():
        said = job.error_detail if job.state == states.FAILED else ""
        again = "Retry its job to have the file checked again."
        services.give_up(version, " ".join(filter(None, (WORDS[job.state], said, again))))


def _subject(params: IngestParams, owner: User | None) -> Subject:
    with named_or_wrong():
        version = ModelVersion.objects.find(params.model, params.version, seen_by=owner)
    return version_page(version)


record(
    Kind(
        name=services.INGEST,
        title="Check a model file",
        params=IngestParams,
        handler=run_ingest,
        subject=_subject,
        permission=HAND_IN,
        shown=(RegistryError,),
        undo=end_without_verdict,
    )
)
