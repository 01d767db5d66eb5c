"""What comes of the same file and the same rows is worked out once in a run of the tests, not by
each test that needs a version.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from modelregistry.conversion.outcome import Conversion, unwatched
from modelregistry.formats.rows import Rows
from modelregistry.ingestion.source import Source

Read = Callable[..., Source]
Convert = Callable[..., Conversion]


class Remembered:
    """Reads and converts as the service does, and what it has done before it does not do again."""

    def __init__(self, read: Read, convert: Convert) -> None:
        self._read, self._convert = read, convert
        self._sources: dict[tuple[object, ...], Source] = {}
        self._conversions: dict[tuple[object, ...], tuple[list[str], Conversion]] = {}

    @classmethod
    @cache
    def of(cls, read: Read, convert: Convert) -> "Remembered":
        """The one memory of these two."""
        return cls(read, convert)

    def read_source(
        self, data: bytes, *, samples: Rows | None = None, heldout: Rows | None = None
    ) -> Source:
        key = data, samples and samples.to_json(), heldout and heldout.to_json()
        if key not in self._sources:
            self._sources[key] = self._read(data, samples=samples, heldout=heldout)
        return self._sources[key]

    def convert_source(
        self, source: Source, step: Callable[[str], None] = unwatched, **facts: Any
    ) -> Conversion:
        if all(source is not kept for kept in self._sources.values()):
            return self._convert(source, step, **facts)
        key = id(source), facts.get("budget"), facts.get("options")
        if key in self._conversions:
            steps, conversion = self._conversions[key]
            for name in steps:
                step(name)
            return conversion
        heard: list[str] = []

        def hear(name: str) -> None:
            heard.append(name)
            step(name)

        conversion = self._convert(source, hear, **facts)
        self._conversions[key] = heard, conversion
        return conversion
