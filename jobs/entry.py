"""Makes the row of a new job from its kind and parameters; who asked for it saves and notes it."""

from typing import Any

from jobs.audit import CREATED, note
from jobs.kinds import Kind, Subject, find
from jobs.models import Job

NO_SUBJECT = Subject("", "", "")


def new_job(kind: Kind, params: object, **facts: Any) -> Job:
    """Raises WrongParams."""
    decoded, kept = kind.decode(params)
    subject = kind.subject(decoded, facts.get("owner")) or NO_SUBJECT
    return Job(
        kind=kind.name,
        params=kept,
        max_attempts=kind.max_attempts,
        subject_label=subject.label[:200],
        subject_view=subject.view,
        subject_id=subject.object_id,
        **facts,
    )


def note_submit(job: Job) -> None:
    """In the transaction that has made the row."""
    if find(job.kind).audited:
        told = {"kind": job.kind, "about": job.subject_label, "origin": str(job.origin)}
        if job.parent_id is not None:
            told["retry of"] = str(job.parent_id)
        changes = {name: ("", said) for name, said in told.items() if said}
        note(job, changes, action=CREATED, actor=job.owner)
