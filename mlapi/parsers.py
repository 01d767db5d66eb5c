"""JSON in DRF as strictly as on the lane: no key twice, no deep nesting, no NaN, no form."""

from typing import IO, Any

import msgspec
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from predictions.protocols.json_body import decode, refuse_repeated_keys, require_json

_anything = msgspec.json.Decoder()


class StrictJson(BaseParser):
    """Raises UnsupportedMediaType, Malformed or WrongInput."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: object = None
    ) -> Any:
        require_json(media_type.encode("latin-1", "replace") if media_type else None)
        body = stream.read()
        value = decode(_anything, body)
        refuse_repeated_keys(body, quotes=-1)  # of unknown content: always read again
        return value


class OneParserReadsAll(DefaultContentNegotiation):
    """Where a view has one parser, that one judges the type: absent and `+json` are JSON too."""

    def select_parser(  # type: ignore[override]
        self, request: Request, parsers: list[BaseParser]
    ) -> BaseParser | None:
        if len(parsers) == 1:
            return parsers[0]
        return super().select_parser(request, parsers)
