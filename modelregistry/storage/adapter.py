"""A Django storage as the place where the registry's files are."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.files import File
from django.core.files.storage import Storage

from modelregistry.artifacts import Facts, is_digest
from modelregistry.errors import StoreUnavailable

log = logging.getLogger(__name__)


class DjangoFiles:
    """A backend of ArtifactStore. The storage must overwrite, and save in one step.

    What a storage raises when it is out of reach it names in an attribute `faults`; such an
    exception becomes StoreUnavailable. No storage deletes by age: one that is put again within the
    moment between the look at its age and the delete is lost, which a folder of ours rules out.
    """

    def __init__(self, storage: Storage, *, drafts: Path) -> None:
        self._storage = storage
        self._drafts = drafts
        self._faults: tuple[type[Exception], ...] = getattr(storage, "faults", ())

    @property
    def drafts(self) -> Path:
        return self._drafts

    def put(self, name: str, draft: Path) -> None:
        with draft.open("rb") as file, self._in_reach():
            kept_as = self._storage.save(name, File(file))
            if kept_as != name:
                self._storage.delete(kept_as)
                raise ImproperlyConfigured("The storage of artifacts must overwrite files.")

    def open(self, name: str) -> BinaryIO:
        with self._in_reach():
            return cast("BinaryIO", self._storage.open(name).file)

    def exists(self, name: str) -> bool:
        with self._in_reach():
            return self._storage.exists(name)

    def facts(self, name: str) -> Facts:
        with self._in_reach():
            return Facts(self._storage.size(name), self._storage.get_modified_time(name))

    def delete(self, name: str, *, put_before: datetime | None = None) -> bool:
        with suppress(FileNotFoundError), self._in_reach():
            put_at = self.facts(name).put_at
            if put_before is None or put_at < put_before:
                self._storage.delete(name)
                return True
        return False

    def names(self) -> Iterator[str]:
        with self._in_reach():
            _, files = self._storage.listdir("")
        return filter(is_digest, files)

    @contextmanager
    def _in_reach(self) -> Iterator[None]:
        try:
            yield
        except self._faults as error:
            log.error("the storage of artifacts: %s", error)
            raise StoreUnavailable("The storage of model files does not answer.") from error
