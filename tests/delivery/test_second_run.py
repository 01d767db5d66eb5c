"""The second run of the database tests: demanded where it can be, and never skipped in silence."""

import shutil

import pytest

from tests import second_run

SILENT_DATABASE, SILENT_REDIS = "postgres://postgres@127.0.0.1:9/test", "redis://127.0.0.1:9/9"


@pytest.fixture
def nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_run, "DATABASE_URL", SILENT_DATABASE)
    monkeypatch.setattr(second_run, "REDIS_URL", SILENT_REDIS)


@pytest.mark.usefixtures("nothing_answers")
def test_without_servers_it_says_so_and_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)

    assert second_run.main() == 0
    said = capsys.readouterr().out
    assert "no PostgreSQL" in said
    assert "no Redis" in said
    assert "skipped" in said


@pytest.mark.usefixtures("nothing_answers")
def test_in_ci_a_machine_that_has_them_must_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")

    assert second_run.main() == 1
    assert "must answer" in capsys.readouterr().out


@pytest.mark.usefixtures("nothing_answers")
def test_in_ci_a_machine_without_them_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(shutil, "which", lambda name: None)

    assert second_run.main() == 0
