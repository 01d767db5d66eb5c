"""However `manage.py up` ends, nothing of it stays."""

import signal
from pathlib import Path

import pytest

from tests.conftest import Install
from tests.running import alive, metrics_folder, processes_of, running, start, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_ends_all_of_it_with_exit_status_0(
    install: Install, number: signal.Signals
) -> None:
    with running(install("stopped")) as stack:
        everything = stack.tree()
        assert len(everything) > 6
        assert list(metrics_folder(stack.data_dir).glob("*.db")) != []
        assert stack.stop(number) == 0
        assert alive(everything) == []
        assert processes_of(stack.data_dir) == []
    assert not metrics_folder(stack.data_dir).exists()
    assert "Traceback" not in stack.log
    assert stack.log.rstrip().endswith("stopped")


@pytest.mark.alone
def test_sigkill_leaves_nothing_running_5_seconds_later(install: Install) -> None:
    with running(install("killed")) as stack:
        everything = stack.tree()
        stack.process.kill()
        until(lambda: not alive(everything), 5, "all gone")
        until(lambda: not processes_of(stack.data_dir), 1, "nothing new")


def test_after_a_sigkill_it_starts_again_at_once(install: Install) -> None:
    data_dir = install("twice")
    with running(data_dir, "--no-worker") as stack:
        stack.process.kill()
        stack.process.wait(30)
        with running(data_dir, "--no-worker") as again:
            assert again.is_ready()


def test_a_stop_while_starting_is_clean(tmp_path: Path) -> None:
    stack = start(tmp_path / "var")
    until(lambda: "training the example models" in stack.log, 150, "the models' turn")
    assert stack.stop(signal.SIGINT) == 0
    assert processes_of(stack.data_dir) == []
    assert "Traceback" not in stack.log
