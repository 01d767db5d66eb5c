"""Makes the row of a new job from its kind and parameters; whoever asked for it saves it."""

from typing import Any

from jobs.kinds import Kind, Subject
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
