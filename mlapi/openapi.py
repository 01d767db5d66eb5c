"""The OpenAPI document beyond DRF's views: the lane, the probes, the key, examples and problems."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from mlapi import shapes
from mlapi.examples import GROUPS
from mlapi.operations import SECTIONS, Operation
from mlapi.pasted import Example
from mlapi.problems import CATALOGUE, CONTENT_TYPE, INTERNAL
from predictions.protocols.encodings import ACCEPTED

Document = dict[str, Any]  # JSON, as drf-spectacular hands it on
JSON = "application/json"
REQUEST_TIMEOUT: Document = {
    "in": "header",
    "name": "Request-Timeout",
    "description": "Seconds from the body's last byte; after them the answer is 504, and rows "
    "that have not run do not run. More than a day is a day.",
    "schema": {"type": "number", "exclusiveMinimum": 0},
}
CONTENT_ENCODING: Document = {
    "in": "header",
    "name": "Content-Encoding",
    "description": "How the body is compressed; without it, not at all. Others are 415.",
    "schema": {"type": "string", "enum": [*ACCEPTED.split(", "), "identity", ""]},
}
KEY_OR_NONE: list[dict[str, list[str]]] = [{"apiKey": []}, {}]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "mlapi.auth.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "Made by `manage.py create_api_key USERNAME`, or in the admin.",
        }


def complete(result: Document, **_: object) -> Document:
    """drf-spectacular's postprocessing hook: every route, in order, with its errors."""
    described = {_as_served(path): item for path, item in result["paths"].items()}
    listed: Document = {}
    for section, operations in SECTIONS.items():
        for operation in operations:
            item = _completed(described.get(operation.path, {}), operation, section)
            listed.setdefault(operation.path, {})[operation.method] = item
    result["paths"] = {**listed, **{p: i for p, i in described.items() if p not in listed}}
    result["tags"] = [{"name": section} for section in SECTIONS]
    schemas = result["components"]["schemas"]
    for schema in schemas.values():
        _say_null_as_a_type(schema)
    schemas.update(_schemas())
    result["components"]["responses"] = dict(_problem_responses())
    return result


def _say_null_as_a_type(schema: Document) -> None:
    """DRF's paginators still say `nullable`, which OpenAPI 3.1 has given up; and what may be
    anything is null, too, where `oneOf` both would be one too many.
    """
    for described in schema.get("properties", {}).values():
        if described.pop("nullable", False):
            described["type"] = [described["type"], "null"]
        if {} in described.get("oneOf", ()):
            del described["oneOf"]


def _as_served(path: str) -> str:
    """The tutorial's routes are known without the last slash, which both kinds may have."""
    return path if path.startswith("/api/v1/") else path.rstrip("/")


def _completed(item: Document, operation: Operation, section: str) -> Document:
    """An operation: what DRF has described, if anything, and all that it cannot know."""
    path = operation.path
    details: Document = item.get(operation.method, {"responses": {}, **_path_parameters(path)})
    details |= {"operationId": operation.name, "summary": operation.summary, "tags": [section]}
    if operation.request:
        details |= {"requestBody": _request(operation.request, path), "security": KEY_OR_NONE}
    if headers := _headers(operation):
        details["parameters"] = [*details.get("parameters", []), *headers]
    if operation.answer or path == "/metrics":
        details["responses"]["200"] = {"description": "The answer.", "content": _answer(operation)}
    asks_for_key = 401 in operation.problems and path != "/metrics"
    for status in (*operation.problems, *[429] * asks_for_key):
        details["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    if path == "/readyz":
        details["responses"]["503"] = {"description": "Not yet.", "content": _answer(operation)}
    return details


def _headers(operation: Operation) -> list[Document]:
    """Those that a prediction may have."""
    timed = HTTPStatus.GATEWAY_TIMEOUT in operation.problems
    return [CONTENT_ENCODING] * bool(operation.request) + [REQUEST_TIMEOUT] * timed


NAME: Document = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"}
PLACES: dict[str, tuple[Document, object]] = {  # of paths that DRF does not know: with examples
    "name": (NAME, "iris"),
    "alias": (NAME, "champion"),
    "number": ({"type": "integer", "minimum": 1}, 1),
}


def _path_parameters(path: str) -> Document:
    found = [
        {"in": "path", "name": name, "required": True, "schema": schema, "example": example}
        for name, (schema, example) in PLACES.items()
        if f"{{{name}}}" in path
    ]
    return {"parameters": found} if found else {}


def _request(shape: type[msgspec.Struct], path: str) -> Document:
    examples = {
        example.model: {"summary": example.title, "value": json.loads(example.body)}
        for example in _examples_of(path)
    }
    return {"required": True, "content": {JSON: {"schema": _ref(shape), "examples": examples}}}


def _answer(operation: Operation) -> Document:
    if operation.answer is None:
        return {"text/plain": {"schema": {"type": "string"}}}
    return {JSON: {"schema": _ref(operation.answer)}}


def _examples_of(path: str) -> Iterator[Example]:
    for group in GROUPS:
        for example in group.examples:
            if path == example.path.replace(f"/{example.model}/", "/{name}/", 1):
                yield example


def _ref(shape: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _schemas() -> Document:
    operations = [op for section in SECTIONS.values() for op in section]
    used = [shape for op in operations for shape in (op.request, op.answer) if shape]
    wanted = dict.fromkeys([*used, shapes.Problem])
    _, components = msgspec.json.schema_components(
        wanted, ref_template="#/components/schemas/{name}"
    )
    return components


def _problem_responses() -> Iterator[tuple[str, Document]]:
    """Every status of the error catalogue, with the codes it may carry."""
    codes: dict[int, list[str]] = {}
    for problem in [*CATALOGUE.values(), INTERNAL]:
        known = codes.setdefault(problem.status, [])
        if problem.code not in known:
            known.append(problem.code)
    for status, names in sorted(codes.items()):
        words = f"{HTTPStatus(status).phrase}; code: {', '.join(names)}"
        content = {CONTENT_TYPE: {"schema": _ref(shapes.Problem)}}
        yield f"Problem{status}", {"description": words, "content": content}
