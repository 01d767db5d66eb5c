"""Answers that are made piece by piece while they go out."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from django.http import FileResponse, StreamingHttpResponse

from modelregistry.formats.kept import KeptRows
from modelregistry.formats.spreadsheet import as_csv


class PieceByPiece(StreamingHttpResponse):
    """One that Django's ASGI handler does not read into memory first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(self)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


class FileInPieces(PieceByPiece, FileResponse):
    block_size = 1 << 18


class CsvOfRows:
    """What an answer streams; Django closes it, also when nobody has read it."""

    def __init__(self, rows: KeptRows, *, target: str) -> None:
        self._rows = rows
        self._target = target

    def __iter__(self) -> Iterator[bytes]:
        return as_csv(self._rows, target=self._target)

    def close(self) -> None:
        self._rows.close()
