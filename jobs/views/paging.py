"""Paging by cursors that may be forged: their place is looked at before the database sees it."""

from abc import ABC, abstractmethod

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class StrictCursors(CursorPagination, ABC):
    @abstractmethod
    def is_place(self, text: str) -> bool:
        """Whether the first column of `ordering` can have this value."""

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Raises NotFound for what is not ours, as DRF does for what is no cursor at all."""
        cursor = super().decode_cursor(request)
        place = None if cursor is None else cursor.position
        if place is not None and not self.is_place(str(place)):
            raise NotFound
        return cursor
