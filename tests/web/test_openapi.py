"""The OpenAPI document: valid, complete, and true to what the routes take and give."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.contrib.admindocs.views import simplify_regex
from django.core.management import call_command
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from mlapi.examples import GROUPS
from mlapi.pasted import Example
from mlapi.urls import urlpatterns
from mlapi.wiring import lane
from tests.running import Stack

EXAMPLES = [example for group in GROUPS for example in group.examples]
Document = dict[str, Any]
NOT_DESCRIBED = {"", "/admin", "/api/v1/schema", "/api/v1/docs"}  # pages for people


@pytest.fixture(scope="module")
def document() -> Document:
    out = io.StringIO()
    call_command("spectacular", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    parsed: Document = json.loads(out.getvalue())
    return parsed


def test_it_validates_and_comes_without_a_warning(document: Document) -> None:
    validate(document)


def test_every_route_of_lane_and_django_is_in_it(document: Document) -> None:
    routes = {route for route in _routes(urlpatterns) if not route.startswith("/admin/")}

    assert set(lane.paths()) <= routes
    assert routes - NOT_DESCRIBED == {path.rstrip("/") for path in document["paths"]}
    assert routes >= NOT_DESCRIBED


def test_null_fits_what_may_be_anything(document: Document) -> None:
    schema = document["components"]["schemas"]["Job"]["properties"]["result"]
    _fits(document, schema, None)
    _fits(document, schema, {"rows": 3})


def test_every_operation_has_a_name_of_its_own_a_summary_and_a_section(document: Document) -> None:
    operations = [op for item in document["paths"].values() for op in item.values()]
    sections = {tag["name"] for tag in document["tags"]}

    assert len({op["operationId"] for op in operations}) == len(operations)
    assert all(op["summary"] for op in operations)
    assert {tag for op in operations for tag in op["tags"]} == sections


def test_keys_are_bearer_tokens_and_predictions_need_none(document: Document) -> None:
    scheme = document["components"]["securitySchemes"]["apiKey"]
    asking = document["paths"]["/predict-async"]["post"]
    listing = document["paths"]["/api/v1/models/"]["get"]

    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert {} in asking["security"]
    assert {} not in listing["security"]


def test_predictions_name_the_headers_they_take(document: Document) -> None:
    def headers(path: str) -> dict[str, Document]:
        given = document["paths"][path]["post"].get("parameters", [])
        return {one["name"]: one["schema"] for one in given if one["in"] == "header"}

    both = headers("/api/v1/models/{name}/predict")
    assert both.keys() == {"Content-Encoding", "Request-Timeout"}
    assert both["Content-Encoding"]["enum"] == ["gzip", "deflate", "identity", ""]
    assert headers("/predict-async").keys() == both.keys()
    assert headers("/predict-sync").keys() == {"Content-Encoding"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.path)
@pytest.mark.stack
def test_what_a_route_takes_and_gives_fits_its_schema(
    document: Document, stack: Stack, key: str, example: Example
) -> None:
    operation = document["paths"][_template(example.path)][example.method.lower()]
    headers = {"Authorization": f"Bearer {key}"} if example.keyed else {}

    answer = httpx.request(
        example.method,
        stack.base_url + example.path,
        content=example.body or None,
        headers={**headers, "Content-Type": "application/json"},
        timeout=30,
    )

    assert answer.status_code == 200
    if example.body:
        _check(document, operation["requestBody"]["content"], json.loads(example.body))
    if example.path != "/metrics":
        _check(document, operation["responses"]["200"]["content"], answer.json())


@pytest.mark.stack
def test_an_error_fits_its_schema_and_its_code_is_listed(document: Document, stack: Stack) -> None:
    answer = httpx.post(f"{stack.base_url}/predict-async", content=b"{", timeout=30)
    described = document["components"]["responses"]["Problem400"]

    assert answer.status_code == 400
    schema = described["content"]["application/problem+json"]["schema"]
    _fits(document, schema, answer.json())
    assert answer.json()["code"] in described["description"]


def _routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    """The URL map's templates, without a last slash."""
    for pattern in patterns:
        written = f"{prefix}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from _routes(pattern.url_patterns, written)
        else:
            found = simplify_regex(written.replace("/?", "")).rstrip("/")
            yield found.replace("<", "{").replace(">", "}")


def _template(path: str) -> str:
    path = re.sub(r"/models/[^/]+/", "/models/{name}/", path)
    return re.sub(r"/versions/\d+/", "/versions/{number}/", path)


def _check(document: Document, content: Document, value: object) -> None:
    _fits(document, content["application/json"]["schema"], value)


def _fits(document: Document, schema: Document, value: object) -> None:
    whole = {**schema, "components": document["components"]}
    Draft202012Validator(whole).validate(value)
