"""A registry whose files are the test's own, and no pauses."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from jobs import execution
from tests.modelregistry.crashes import recorded


@pytest.fixture(autouse=True)
def own_files(settings: LazySettings, tmp_path: Path) -> None:
    settings.ARTIFACT_DIR, settings.INTAKE_DIR, settings.UPLOAD_DIR = (
        tmp_path / name for name in ("artifacts", "intake", "uploads")
    )


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away for a moment is asked again at once."""
    monkeypatch.setattr(execution, "RETRY_AFTER_S", (0.0, 0.0, 0.0))


@pytest.fixture
def repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The confined process looks at each file once, and then says the same again."""
    recorded.repeat(monkeypatch)


@pytest.fixture
def chief(db: None) -> User:
    return User.objects.create_superuser("chief")
