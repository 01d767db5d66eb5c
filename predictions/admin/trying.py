"""On a model's page: a form that asks the model, and the same request to paste elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from modelregistry import services
from modelregistry.models import LiveVersion, ModelVersion, RegisteredModel
from modelregistry.panels import ModelPanel, register_panel
from predictions.protocols import snippets
from predictions.protocols.described import example_request

MOST_FIELDS = 40  # more columns are asked for as JSON alone
KEY_IN = "MLAPI_KEY"
KINDS = {"BYTES": "text", "BOOL": "truth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One value of a row, as the form asks for it."""

    name: str
    kind: str  # number, whole, text or truth
    value: str
    may_be_missing: bool


def try_context(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any]:
    """Without `path` where nothing answers by the model's name."""
    number = services.answering_number(model)
    live = ModelVersion.objects.find(model.name, number).readable() if number else None
    if live is None:
        return {}
    path = f"/api/v1/models/{model.name}/predict"
    url = f"{request.scheme}://{request.get_host()}{path}"
    is_public = model.visibility == RegisteredModel.Visibility.PUBLIC
    key_in = "" if is_public else KEY_IN
    example = example_request(live.signature, live.example)
    body = json.dumps(example, ensure_ascii=False)
    columns = columns_of(live)
    return {
        "path": path,
        "version": live.version,
        "is_public": is_public,
        "key_in": key_in,
        "columns": columns if len(columns) <= MOST_FIELDS else [],
        "body": json.dumps(example, ensure_ascii=False, indent=1),
        "snippets": [
            ("curl", "curl", snippets.curl(url, body, key_in=key_in)),
            ("python", "Python, with httpx", snippets.python(url, body, key_in=key_in)),
        ],
    }


def columns_of(live: LiveVersion) -> list[Column]:
    """Left to right, with the values of the version's input example."""
    datatypes = [spec.datatype for spec in live.signature.inputs for _ in range(spec.width)]
    return [
        Column(
            name=name,
            kind=KINDS.get(datatype, "number" if datatype.startswith("FP") else "whole"),
            value=_written(value),
            may_be_missing=name in live.signature.missing,
        )
        for name, datatype, value in zip(
            live.signature.columns, datatypes, live.example, strict=True
        )
    ]


def _written(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


register_panel(
    ModelPanel(title="Try it", template="admin/predictions/try.html", context=try_context)
)
