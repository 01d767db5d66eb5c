"""promote_model and rollback_model: what they print, and one line for every fault."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from modelregistry.models import Alias, AliasChange
from tests.modelregistry.trained import tree_version

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_an_alias_is_moved_by_name() -> None:
    tree_version()
    said = run("promote_model", "plants:1", "--alias", "challenger", "--reason", "a trial")
    assert said == "plants@challenger points to version 1 now.\n"
    assert Alias.objects.get().name == "challenger"
    assert AliasChange.objects.get().reason == "a trial"


def test_a_rollback_says_what_serves_and_what_did() -> None:
    for depth in (1, 2):
        version = tree_version(depth=depth)
        assert run("promote_model", str(version)) == f"{version} serves now.\n"
    said = run("rollback_model", "plants", "--reason", "it drifts")
    assert said == "plants:1 serves again; before, plants:2 did.\n"
    assert AliasChange.objects.first().reason == "it drifts"  # type: ignore[union-attr]


def test_what_it_prints_is_not_logged_beside_it(caplog: pytest.LogCaptureFixture) -> None:
    for depth in (1, 2):
        run("promote_model", str(tree_version(depth=depth)))
    caplog.clear()
    run("rollback_model", "plants")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rollback_model"], "NAME"),
        (["rollback_model", "zebra"], "There is no model zebra."),
        (["rollback_model", "plants"], "The model plants has had no champion yet."),
        (["promote_model", "plants:1", "--alias", "7"], "An alias has"),
        (["promote_model", "plants:1", "--reason", "x" * 10_001], "10,000 characters at most"),
        (["rollback_model", "plants", "--reason", "x" * 10_001], "10,000 characters at most"),
    ],
)
def test_every_fault_is_one_clear_line(words: list[str], said: str) -> None:
    tree_version()
    with pytest.raises(CommandError) as refused:
        run(*words)
    assert said in str(refused.value)


NOT_UTF8 = "caf\udce9"  # as Python holds a byte of the command line that is none


@pytest.mark.parametrize(
    "words",
    [
        ["promote_model", NOT_UTF8],
        ["promote_model", f"{NOT_UTF8}:1"],
        ["promote_model", "plants:1", "--alias", NOT_UTF8],
        ["promote_model", "plants:1", "--reason", NOT_UTF8],
        ["rollback_model", NOT_UTF8],
        ["rollback_model", "plants", "--reason", NOT_UTF8],
        ["register_model", __file__, "--model", NOT_UTF8],
        ["register_model", __file__, "--model", "plants", "--target", NOT_UTF8],
        ["retrain_model", NOT_UTF8],
        ["retrain_model", "plants", "--rows", __file__, "--target", NOT_UTF8],
        ["convert_onnx", NOT_UTF8],
        ["create_api_key", NOT_UTF8],
        ["create_api_key", "somebody", "--name", NOT_UTF8],
    ],
)
def test_words_that_are_no_utf8_are_refused_in_one_line(words: list[str]) -> None:
    tree_version()
    with pytest.raises(CommandError, match="the text is not UTF-8"):
        run(*words)
    assert not AliasChange.objects.exists()


def test_the_longest_reason_is_kept_whole() -> None:
    run("promote_model", str(tree_version()), "--reason", "ü" * 10_000)
    assert AliasChange.objects.get().reason == "ü" * 10_000
