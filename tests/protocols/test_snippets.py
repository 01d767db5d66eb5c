"""Requests to paste are what a shell and Python read as the request that was meant."""

import ast
import shlex

import pytest

from predictions.protocols.snippets import curl, python

URL = "http://127.0.0.1:8000/api/v1/models/houses/predict"
BODY = '{"rows": [{"city": "L\'Aquila \\"old\\" $HOME", "size": null, "new": true}]}'


@pytest.mark.parametrize("key_in", ["", "MLAPI_KEY"])
def test_a_shell_reads_the_body_as_it_is(key_in: str) -> None:
    words = shlex.split(curl(URL, BODY, key_in=key_in).replace("\\\n", ""))
    assert words[:3] == ["curl", "-s", URL]
    assert words[words.index("-d") + 1] == BODY
    assert ("Authorization: Bearer $MLAPI_KEY" in words) is bool(key_in)


@pytest.mark.parametrize("key_in", ["", "MLAPI_KEY"])
def test_python_reads_the_body_as_it_is(key_in: str) -> None:
    text = python(URL, BODY, key_in=key_in)
    call = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    row = {"city": 'L\'Aquila "old" $HOME', "size": None, "new": True}
    assert ast.literal_eval(call.args[0]) == URL
    assert ast.literal_eval(given["json"]) == {"rows": [row]}
    assert ("headers" in given) is ("import os\n" in text) is bool(key_in)


def test_a_request_without_a_body_is_a_get() -> None:
    assert curl(f"{URL}/", key_in="") == f"curl -s {URL}/"
