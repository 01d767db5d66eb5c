"""The supervisor, with small real processes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mlapi.child import LONGEST_LINE, Lines, Process
from mlapi.supervisor import (
    GIVE_UP_AFTER,
    GaveUp,
    Member,
    NotReady,
    StepFailed,
    StopAsked,
    Supervisor,
)
from tests.running import alive, until

READY = """
import os, signal, socket, sys, time
def ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"READY=1", "\\0" + os.environ["NOTIFY_SOCKET"][1:])
"""
FOR_EVER = "ready(); print(os.getpid(), flush=True); time.sleep(1000)"


def python(name: str, code: str, **options: object) -> Process:
    argv = (sys.executable, "-IS", "-c", READY + code)
    return Process(name=name, argv=argv, env=dict(os.environ), **options)  # type: ignore[arg-type]


class Heard:
    """Lines by process name; `react` may act on each as it comes."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.react: Callable[[str, str], object] = lambda name, line: None

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self.react(name, line)

    def of(self, name: str) -> list[str]:
        return [line for of, line in self.lines if of == name]

    def pids(self, name: str) -> list[int]:
        return [int(line) for line in self.of(name) if line.isdigit()]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def supervisor(heard: Heard, tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(cwd=tmp_path, say=heard)
    with supervisor.signals():
        yield supervisor
        supervisor.stop()


def test_no_news_is_not_shown(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.run_once(python("one", "print('old\\nnews')", no_news=("old",)), within_s=10)
    assert heard.of("one") == ["news"]


def running(pids: list[int]) -> list[int]:
    """Zombies that nobody has reaped yet do not run."""
    return [pid for pid in pids if psutil.pid_exists(pid) and alive([psutil.Process(pid)])]


def ask_to_stop(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_process_is_ready_when_it_says_so(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.start(python("one", FOR_EVER))
    supervisor.wait_ready(30)
    assert len(heard.pids("one")) == 1 or heard.of("one") == []  # the line may follow the notice


def test_a_process_is_ready_when_its_probe_says_so(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = f"open({str(mark)!r}, 'w').close(); time.sleep(1000)"
    supervisor.start(python("one", code, ready=mark.exists))
    supervisor.wait_ready(30)
    assert mark.exists()


def test_nobody_else_can_say_that_it_is_ready(supervisor: Supervisor) -> None:
    """A grandchild speaks; only the process itself is believed."""
    speak = (
        f"import subprocess; subprocess.run([sys.executable, '-IS', '-c', {READY + 'ready()'!r}])"
    )
    supervisor.start(python("one", f"{speak}; time.sleep(1000)"))
    with pytest.raises(NotReady, match="one is not ready after 1 seconds"):
        supervisor.wait_ready(1)


def test_a_process_that_dies_is_started_again(supervisor: Supervisor, heard: Heard) -> None:
    def kill_once(name: str, line: str) -> None:
        if line.isdigit():
            pids = heard.pids(name)
            ask_to_stop() if len(pids) == 2 else os.kill(pids[0], signal.SIGKILL)

    heard.react = kill_once
    supervisor.start(python("one", FOR_EVER))
    supervisor.run()
    first, second = heard.pids("one")
    assert first != second
    assert "ended (signal SIGKILL), starting it again" in heard.of("one")


@pytest.mark.alone
def test_death_is_noticed_though_a_grandchild_holds_the_output(
    supervisor: Supervisor, heard: Heard
) -> None:
    """The grandchild is left over from the first start and must not outlive it."""
    heard.react = lambda name, line: line.isdigit() and len(heard.pids(name)) == 2 and ask_to_stop()
    code = """
pid = os.fork()
if pid:
    print(pid, flush=True)
    ready()
    sys.exit(1)
time.sleep(1000)
"""
    supervisor.start(python("one", code))
    supervisor.run()
    supervisor.stop()
    until(lambda: running(heard.pids("one")) == [], 5, "grandchildren gone")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlapi.supervisor.FIRST_DELAY_S", 0.001)


@pytest.mark.usefixtures("impatient")
def test_five_deaths_in_a_row_end_the_stack(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.start(python("good", FOR_EVER), python("bad", "sys.exit(7)"))
    with pytest.raises(GaveUp, match=r"bad ended 5 times .* \(exit status 7\)"):
        supervisor.run()
    assert len(heard.of("bad")) == GIVE_UP_AFTER - 1


def test_being_ready_ends_the_row_of_deaths(supervisor: Supervisor, heard: Heard) -> None:
    enough = GIVE_UP_AFTER + 2
    heard.react = lambda name, line: len(heard.pids(name)) == enough and ask_to_stop()
    supervisor.start(python("one", "ready(); print(os.getpid(), flush=True); sys.exit(1)"))
    supervisor.run()
    assert len(heard.pids("one")) == enough


def test_restarts_come_later_and_later() -> None:
    member = Member(Process(name="one", argv=(), env={}))
    delays = []
    for _ in range(GIVE_UP_AFTER - 1):
        member.died(1, now=100.0)
        delays.append(member.restart_at and member.restart_at - 100.0)
    assert delays == pytest.approx([0.1, 0.4, 1.6, 6.4])
    member.became_ready()
    member.died(1, now=100.0)
    assert member.restart_at == pytest.approx(100.1)


def test_stages_stop_in_the_reverse_of_their_order(supervisor: Supervisor, heard: Heard) -> None:
    says_when = """
def end(*_):
    print("over", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
ready()
time.sleep(1000)
"""
    for name in ("first", "second", "third"):
        supervisor.start(python(name, says_when))
        supervisor.wait_ready(30)
    supervisor.stop()
    assert [name for name, line in heard.lines if line == "over"] == ["third", "second", "first"]


DEAF = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pid = os.fork()
if pid:
    print(os.getpid(), flush=True)
    print(pid, flush=True)
    ready()
time.sleep(1000)
"""


@pytest.mark.alone
def test_what_ignores_sigterm_is_killed_after_its_grace_with_its_children(
    supervisor: Supervisor, heard: Heard
) -> None:
    supervisor.start(python("deaf", DEAF, grace_s=0.3))
    supervisor.wait_ready(30)
    started = time.monotonic()
    supervisor.stop()
    assert 0.3 <= time.monotonic() - started < 5
    assert len(heard.pids("deaf")) == 2
    until(lambda: running(heard.pids("deaf")) == [], 5, "the deaf and its child gone")


def test_a_second_request_hurries_the_stop(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.start(
        python("deaf", DEAF, grace_s=60),
        python(
            "polite",
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('over')));"
            "ready(); time.sleep(1000)",
        ),
    )
    supervisor.wait_ready(30)
    heard.react = lambda name, line: line == "over" and ask_to_stop()
    started = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - started < 10


def test_a_step_runs_once_and_to_its_end(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.run_once(python("step", "print('done')"), within_s=10)
    assert heard.of("step") == ["done"]


def test_a_step_that_fails_says_so(supervisor: Supervisor) -> None:
    with pytest.raises(StepFailed, match=r"step failed \(exit status 4\)"):
        supervisor.run_once(python("step", "sys.exit(4)"), within_s=10)


def test_a_stop_request_while_starting_is_heeded(supervisor: Supervisor, heard: Heard) -> None:
    heard.react = ask_to_stop
    supervisor.start(python("one", "print('here', flush=True); time.sleep(1000)"))
    with pytest.raises(StopAsked):
        supervisor.wait_ready(30)


@pytest.mark.usefixtures("impatient")
def test_a_program_that_cannot_be_run_counts_as_deaths(supervisor: Supervisor) -> None:
    supervisor.start(Process(name="none", argv=("/nonexistent/program",), env={}))
    with pytest.raises(GaveUp, match="none ended 5 times"):
        supervisor.run()


def test_lines_are_cut_where_they_end_and_never_grow_without_bound() -> None:
    lines = Lines()
    assert list(lines.feed(b"one\ntw")) == ["one"]
    assert list(lines.feed(b"o\n\xff\n")) == ["two", "\ufffd"]
    assert list(lines.feed(b"x" * (LONGEST_LINE + 1))) == ["x" * (LONGEST_LINE + 1)]
    assert lines.rest == b""
    assert list(lines.feed(b"last")) == []
    assert list(lines.flush()) == ["last"]
