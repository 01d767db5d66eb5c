"""Versions whose file is missing or altered: they are broken until it is whole again.

Whoever meets the damage says so; whoever looks again says that it is over. Nothing is concluded
from a place that does not answer, nor from one that is not the registry's.
"""

import logging
from collections.abc import Iterator

from django.utils import timezone

from modelregistry.artifacts import ArtifactStore
from modelregistry.errors import (
    AlteredArtifact,
    DamagedArtifact,
    MissingArtifact,
    NotPromotable,
    StoreUnavailable,
)
from modelregistry.models import CHAMPION, AliasChange, LiveVersion, ModelVersion, RegisteredModel
from modelregistry.services.serviceable import check_may_serve
from modelregistry.services.storing import store

log = logging.getLogger(__name__)
HOW_TO_MEND = (
    "It serves again by itself once the file is whole: restore it, or hand the same file in again."
)


def report_damage(live: LiveVersion, fault: DamagedArtifact, *, found_by: str) -> bool:
    """Whether the version is broken from now on for what was found when its file was read.

    It is not where the fault may be this machine's: a file that could not be read, or one that is
    missing from a place where most of the registry's other files are missing, too.
    """
    files = store()
    missing = isinstance(fault, MissingArtifact)
    if missing and not _is_the_registrys(files, without=live.artifact_sha256):
        return False
    if not missing and not isinstance(fault, AlteredArtifact):
        return False
    at = f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC"
    words = f"{fault} Found by {found_by} that was to load it, {at}. {HOW_TO_MEND}"
    broken = ModelVersion.objects.note_damage(live, words)
    if broken:
        log.error("%s version %d is broken: %s", live.model, live.version, fault)
    return broken


def _is_the_registrys(files: ArtifactStore, *, without: str) -> bool:
    """Whether most of the files that versions name are there, that one aside.

    An unmounted disk, another folder or an empty bucket is no damage.
    """
    others = ModelVersion.objects.files() - {without}
    try:
        there = others.intersection(files.names())
    except (StoreUnavailable, OSError):
        return False
    return bool(there) and 2 * len(there) >= len(others)


def mend() -> int:
    """Make those ready again whose files are whole; how many."""
    found = ModelVersion.objects.damaged().select_related("model")
    return sum(_is_mended(version) for version in found)


def _is_mended(version: ModelVersion) -> bool:
    sha256, files = version.live().artifact_sha256, store()
    try:
        if not files.exists(sha256):
            return False
        files.open(sha256).close()
    except (DamagedArtifact, StoreUnavailable, OSError):
        return False
    mended = ModelVersion.objects.note_mended(version)
    if mended:
        log.info("%s is ready again: its file is whole", version)
    return mended


def stand_ins(model: str) -> Iterator[LiveVersion]:
    """What answers for the model where its champion cannot: where rollbacks lead, nearest first."""
    head = AliasChange.objects.head(RegisteredModel.objects.named(model).pk, CHAMPION)
    if head is None:
        return
    for line in AliasChange.objects.walk(head):
        if line.version is None or line.version_id == head.version_id:
            continue
        try:
            check_may_serve(line.version)
        except NotPromotable:
            continue
        if live := line.version.readable():
            yield live
