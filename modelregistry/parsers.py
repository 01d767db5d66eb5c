"""Bodies that hand in files: multipart/form-data and nothing else."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import DataAndFiles, MultiPartParser


class NotMultipart(UnsupportedMediaType):
    """A file was to come, and something else came."""

    def __init__(self) -> None:
        words = "Send the file in a form, multipart/form-data, as curl -F file=@model.skops does."
        super().__init__("", detail=words)


class BrokenForm(ParseError):
    """It says that it is multipart/form-data, and cannot be read as such."""

    default_detail = "The body is no multipart/form-data, as it says."


class OnlyMultipart(MultiPartParser):
    """As a view's one parser it is given every type. Raises NotMultipart, BrokenForm."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        if media_type is None or media_type.partition(";")[0].strip().lower() != self.media_type:
            raise NotMultipart
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError as error:
            raise BrokenForm from error
