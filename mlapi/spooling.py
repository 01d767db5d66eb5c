"""Bodies and files on their way to Django: on disk as soon as they are large, never in memory.

They lie in the data folder, as /tmp may be small or memory itself, in files that have no name:
whatever a process dies of, nothing is left of them.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, Any

import django
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http.response import HttpResponseBase

Receive = Callable[[], Awaitable[Any]]


class SpoolingHandler(ASGIHandler):
    """Django's own, but for where bodies lie, and that it knows how long a chunked one is."""

    async def read_body(self, receive: Receive) -> IO[bytes]:
        """Raises RequestAborted, and OSError where the disk is full."""
        memory = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
        body: IO[bytes] = SpooledTemporaryFile(  # noqa: SIM115 - Django closes it
            max_size=memory, mode="w+b", dir=str(settings.UPLOAD_DIR)
        )
        try:
            await _fill(body, receive)
            body.seek(0)
        except BaseException:
            with suppress(OSError):  # of what could not be written, once more
                body.close()
            raise
        return body

    def create_request(
        self, scope: Mapping[str, Any], body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        """Parsers take a request without a length for one without a body."""
        created = super().create_request(scope, body_file)
        size = body_file.seek(0, 2)
        body_file.seek(0)
        if created[0] is not None and size:
            created[0].META["CONTENT_LENGTH"] = str(size)
        return created


def spooling_application() -> SpoolingHandler:
    """Django, set up and ready to answer."""
    django.setup(set_prefix=False)
    return SpoolingHandler()


class NamelessFiles(FileUploadHandler):
    """Every file of a form on disk, under none of the sender's words."""

    file: IO[bytes]  # Django closes what is called so when a form breaks off

    def new_file(self, *facts: Any, **more: Any) -> None:
        super().new_file(*facts, **more)
        self.file = TemporaryFile(dir=_folder())  # noqa: SIM115 - Django closes it

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[Any]":
        self.file.seek(0)
        return UploadedFile(
            file=self.file,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
        )

    def upload_interrupted(self) -> None:
        self.file.close()


async def _fill(body: IO[bytes], receive: Receive) -> None:
    message = await receive()
    if message.get("body"):
        _folder()  # now: a disk without room for it matters to nobody who sends nothing
    while True:
        if message["type"] == "http.disconnect":
            raise RequestAborted
        body.write(message.get("body", b""))
        if not message.get("more_body", False):
            return
        message = await receive()


def _folder() -> Path:
    folder: Path = settings.UPLOAD_DIR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
