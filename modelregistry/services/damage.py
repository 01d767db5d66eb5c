"""Versions whose file is missing or altered: they are broken until it is whole again.

Whoever meets the damage says so; whoever looks again says that it is over. Nothing is concluded
from a place that does not answer, nor from one that is not the registry's.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone

from modelregistry.artifacts import ArtifactStore, Facts
from modelregistry.errors import (
    DamagedArtifact,
    NotPromotable,
    StoreUnavailable,
)
from modelregistry.models import CHAMPION, AliasChange, LiveVersion, ModelVersion, RegisteredModel
from modelregistry.services.noting import note_state
from modelregistry.services.serviceable import check_may_serve
from modelregistry.services.storing import store

log = logging.getLogger(__name__)
UNREAD_LOOKS: Final = 30  # at a damaged file that seems the same, five minutes where it serves
HOW_TO_MEND = (
    "It serves again by itself once the file is whole: restore it, or hand the same file in again."
)


def report_damage(live: LiveVersion, fault: DamagedArtifact, *, found_by: str) -> bool:
    """Whether the version is broken from now on for what was found when its file was read.

    It is not where the fault may be this machine's: a file that could not be read, or one that is
    missing from a place where most of the registry's other files are missing, too.
    """
    files = store()
    if fault.found == "missing" and not _is_the_registrys(files, without=live.artifact_sha256):
        return False
    if fault.found == "unreadable":
        return False
    at = f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC"
    words = f"{fault} Found by {found_by} that was to load it, {at}. {HOW_TO_MEND}"
    with transaction.atomic():
        broken = ModelVersion.objects.note_damage(live, words)
        if broken:
            note_state(live.version_id, ModelVersion.State.READY, by=found_by, damage=words)
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


@dataclass(frozen=True, slots=True)
class _Look:
    """A file that was read and was not whole."""

    facts: Facts
    unread: int = 0  # looks since then


class Mender:
    """Looks at damaged files again and again, and reads those that may be whole by now.

    That is one which has changed, or is there again. Every UNREAD_LOOKS looks all are read: who
    restores a file may keep its time. One thread at a time.
    """

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}  # by sha256

    def mend(self) -> int:
        """Make those ready again whose files are whole; how many."""
        found = ModelVersion.objects.damaged().select_related("model")
        return sum(self._is_mended(version) for version in found)

    def _is_mended(self, version: ModelVersion) -> bool:
        live = version.readable()
        if live is None or not self._is_whole(live.artifact_sha256):
            return False
        with transaction.atomic():
            mended = ModelVersion.objects.note_mended(version)
            if mended:
                note_state(version.pk, version.state, by="the service, whose file is whole again")
        if mended:
            log.info("%s is ready again: its file is whole", version)
        return mended

    def _is_whole(self, sha256: str) -> bool:
        files, look = store(), self._looks.pop(sha256, None)
        try:
            facts = files.facts(sha256)
            if look and look.facts == facts and look.unread < UNREAD_LOOKS:
                self._looks[sha256] = _Look(facts, look.unread + 1)
                return False
            files.open(sha256).close()
        except DamagedArtifact as fault:
            if fault.found == "altered":
                self._looks[sha256] = _Look(facts)
            return False
        except (StoreUnavailable, OSError):
            return False
        return True


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
