"""A house with one worker, for the tests of a file that break nothing in it; the tests' kinds."""

from collections.abc import Iterator

import pytest

from tests.jobs.house import House, house


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("workshop")) as made:
        made.start_worker()
        yield made


@pytest.fixture
def test_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kinds of tests, known in this process for one test."""
    from jobs import kinds
    from tests.jobs.kinds_for_tests import KINDS

    for kind in KINDS:
        monkeypatch.setitem(kinds._kinds, kind.name, kind)
