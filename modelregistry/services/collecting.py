"""Deletes the files that nothing names any more.

A file is put before the row that names it is written, so what is young is left alone; content that
is put again is young again. Jobs hand files on to versions, so they are asked first: what a job
has handed on by the time it is asked, the versions know. One that has ended without success needs
its files for a while, too: it may be tried again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils import timezone

from jobs.models import Job
from modelregistry.artifacts import ArtifactStore
from modelregistry.models import ModelVersion
from modelregistry.services.storing import store

MAY_BE_RETRIED_FOR = timedelta(days=30)  # after its end; then a job keeps its files no more

Step = Callable[[int, int], object]  # is told how many of how many were looked at


@dataclass(slots=True, kw_only=True)
class Collected:
    """What was deleted, or in a dry run would be, and what stayed."""

    files: int = 0
    file_bytes: int = 0
    drafts: int = 0  # left by processes that were killed
    draft_bytes: int = 0
    named: int = 0
    young: int = 0  # named by nothing, but put too lately


def collect(*, put_before: datetime, step: Step, dry_run: bool = False) -> Collected:
    """Delete the files that no version and no job that may run names, put before that time.

    Raises StoreUnavailable.
    """
    files, found = store(), Collected()
    kept = set(files.names())
    unnamed = sorted(kept - _named())
    found.named = len(kept) - len(unnamed)
    for done, sha256 in enumerate(unnamed):
        step(done, len(unnamed))
        _collect_file(files, sha256, found, put_before=put_before, dry_run=dry_run)
    step(len(unnamed), len(unnamed))
    _collect_drafts(files.drafts(), found, put_before=put_before, dry_run=dry_run)
    return found


def _named() -> set[str]:
    needing = Job.objects.may_run(ended_after=timezone.now() - MAY_BE_RETRIED_FOR)
    jobs = needing.values_list("params__rows_sha256", "params__samples")
    in_params = {value for row in jobs for value in row if isinstance(value, str)}
    return in_params | ModelVersion.objects.files()


def _collect_file(
    files: ArtifactStore, sha256: str, found: Collected, *, put_before: datetime, dry_run: bool
) -> None:
    try:
        facts = files.facts(sha256)
    except FileNotFoundError:  # somebody else collects too
        return
    if facts.put_at >= put_before:
        found.young += 1
    elif dry_run or files.delete(sha256, put_before=put_before):
        found.files += 1
        found.file_bytes += facts.size


def _collect_drafts(
    drafts: Iterable[Path], found: Collected, *, put_before: datetime, dry_run: bool
) -> None:
    """One that is being written is young."""
    for draft in drafts:
        try:
            facts = draft.stat()
        except FileNotFoundError:  # it was taken under its name meanwhile
            continue
        if datetime.fromtimestamp(facts.st_mtime, UTC) < put_before:
            found.drafts += 1
            found.draft_bytes += facts.st_size
            if not dry_run:
                draft.unlink(missing_ok=True)
