"""Entries of the audit trail for versions, whose rows change by guarded UPDATEs."""

from jobs.audit import note
from modelregistry.models import ModelVersion


def note_state(pk: int, before: str, *, by: str = "", **more: str) -> None:
    """A version's state was `before`; `more` is what else there is to say. In its transaction."""
    version = ModelVersion.objects.select_related("model").get(pk=pk)
    said = {name: ("", words) for name, words in more.items() if words}
    note(version, {"state": (before, version.state)} | said, by=by)
