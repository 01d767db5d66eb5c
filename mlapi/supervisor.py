"""Starts processes in stages, restarts what dies, stops all in reverse: one thread, one selector.

A restart waits longer after every death in a row; being ready ends the row. GIVE_UP_AFTER deaths in
one end the whole stack where the process was never ready, or nothing is answered without it; others
are started for ever: what they wait for may come back. SIGINT, SIGTERM and SIGHUP ask for a stop, a
second one hurries it.

SupervisorError
├── GaveUp       a process died again and again before it was ready
├── StepFailed   a process that was to run once ended with another status than 0
├── NotReady     not everything was ready within the time allowed
└── StopAsked    a signal came while starting
"""

import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlapi.child import Child, Process, spawn
from mlapi.notices import ReadySocket, count_stops, stop_requests

GIVE_UP_AFTER = 5
FIRST_DELAY_S, DELAY_FACTOR, LONGEST_DELAY_S = 0.1, 4.0, 15.0  # 0.1, 0.4, 1.6, 6.4, 15 seconds
PROBE_EVERY_S = 0.1
NOT_STARTED = 127  # the shell's word for it

Clock = Callable[[], float]
Say = Callable[[str, str], None]  # name of the process, line


class SupervisorError(Exception):
    """Base of all; the message is a full sentence."""


class GaveUp(SupervisorError):
    pass


class StepFailed(SupervisorError):
    pass


class NotReady(SupervisorError):
    pass


class StopAsked(SupervisorError):
    pass


@dataclass(slots=True)
class Member:
    """A process under supervision and what has become of it."""

    process: Process
    once: bool = False
    child: Child | None = None
    ready: bool = False
    was_ready: bool = False  # at any time
    deaths: int = 0  # in a row, since it was last ready
    restart_at: float | None = None
    status: int | None = None

    def died(self, status: int, now: float) -> None:
        self.child, self.ready, self.status = None, False, status
        self.deaths += 1
        exponent = min(self.deaths - 1, GIVE_UP_AFTER)  # by then it is the longest
        self.restart_at = now + min(FIRST_DELAY_S * DELAY_FACTOR**exponent, LONGEST_DELAY_S)

    def became_ready(self) -> None:
        self.ready, self.was_ready, self.deaths = True, True, 0

    @property
    def is_hopeless(self) -> bool:
        """It died too often to be started again."""
        dispensable = self.was_ready and not self.process.essential
        return self.deaths >= GIVE_UP_AFTER and not dispensable


class Supervisor:
    """Use as `with supervisor.signals(): start, wait_ready, ..., run`, then `stop`."""

    def __init__(self, *, cwd: Path, say: Say, clock: Clock = time.monotonic) -> None:
        self._cwd, self._say, self._clock = cwd, say, clock
        self._stages: list[list[Member]] = []
        self._selector = selectors.DefaultSelector()
        self._asked = 0  # stop signals seen
        self._stopping = False
        self._next_probe = clock()
        self._notices = ReadySocket()
        self._watch(self._notices.fileno(), self._hear_notice)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Stop signals become events of our loop."""
        with stop_requests() as reader:
            self._watch(reader.fileno(), lambda: self._count_stops(count_stops(reader)))
            yield
            self._selector.unregister(reader.fileno())

    def start(self, *processes: Process) -> None:
        """Start a stage; stages stop in the reverse of the order in which they started."""
        stage = [Member(process) for process in processes]
        self._stages.append(stage)
        for member in stage:
            self._spawn(member)

    def wait_ready(self, within_s: float) -> None:
        """Return once all are ready. Raises GaveUp, NotReady or StopAsked."""
        self._turn_until(
            lambda: all(member.ready for member in self._members()), within_s, self._unready
        )

    def wait_until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Return once `condition` holds, asked again and again. Raises what wait_ready raises."""
        self._turn_until(condition, within_s, lambda: f"{what} is")

    def run_once(self, process: Process, within_s: float) -> None:
        """Run to the end. Raises StepFailed, and what wait_ready raises."""
        step = Member(process, once=True)
        self._stages.append([step])
        self._spawn(step)
        self._turn_until(lambda: step.status is not None, within_s, lambda: f"{process.name} is")
        self._stages.remove([step])
        if step.status:
            raise StepFailed(f"{process.name} failed ({_spelled(step.status)}).")

    def run(self) -> None:
        """Keep everything running until a stop is asked for. Raises GaveUp."""
        while not self._asked:
            self._turn(None)

    def stop(self) -> None:
        """Stop stage by stage: SIGTERM, then, after the grace or a second request, SIGKILL."""
        self._stopping = True
        while self._stages:
            self._stop_stage(self._stages[-1])
            self._stages.pop()
        self._notices.close()

    def _members(self) -> Iterator[Member]:
        return (member for stage in self._stages for member in stage)

    def _spawn(self, member: Member) -> None:
        env = {**member.process.env, "NOTIFY_SOCKET": self._notices.address}
        member.restart_at = None
        try:
            child = spawn(replace(member.process, env=env), cwd=self._cwd)
        except OSError as error:
            self._say(member.process.name, f"cannot be started: {error.strerror}")
            self._record_death(member, NOT_STARTED)
            return
        member.child = child
        self._watch(child.pidfd, lambda: self._bury(member, child))
        self._watch(child.output, lambda: self._hear(member.process, child))

    def _watch(self, fd: int, react: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, react)

    def _turn_until(
        self, done: Callable[[], bool], within_s: float, unready: Callable[[], str]
    ) -> None:
        deadline = self._clock() + within_s
        while not done():
            if self._asked:
                raise StopAsked("stopped while starting.")
            if self._clock() >= deadline:
                raise NotReady(f"{unready()} not ready after {within_s:.0f} seconds.")
            self._turn(min(deadline, self._clock() + PROBE_EVERY_S))

    def _unready(self) -> str:
        names = [member.process.name for member in self._members() if not member.ready]
        return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"

    def _turn(self, deadline: float | None) -> None:
        """Wait for the next event, react, do what has become due."""
        for key, _ in self._selector.select(self._until_due(deadline)):
            key.data()
        self._restart_due()
        self._probe_due()

    def _until_due(self, deadline: float | None) -> float | None:
        due = [member.restart_at for member in self._members() if member.restart_at is not None]
        if not self._stopping and any(self._probed()):
            due.append(self._next_probe)
        if deadline is not None:
            due.append(deadline)
        return max(0.0, min(due) - self._clock()) if due else None

    def _restart_due(self) -> None:
        for member in list(self._members()):
            if member.restart_at is not None and self._clock() >= member.restart_at:
                self._spawn(member)

    def _probed(self) -> Iterator[Member]:
        return (
            m for m in self._members() if m.child and not m.ready and m.process.ready is not None
        )

    def _probe_due(self) -> None:
        if self._stopping or self._clock() < self._next_probe:
            return
        for member in self._probed():
            if member.process.ready is not None and member.process.ready():
                member.became_ready()
        self._next_probe = self._clock() + PROBE_EVERY_S

    def _hear(self, process: Process, child: Child) -> None:
        lines = child.read()
        for line in child.lines.flush() if lines is None else lines:
            if not any(words in line for words in process.no_news):
                self._say(process.name, line)
        if lines is None:
            self._selector.unregister(child.output)
            os.close(child.output)

    def _count_stops(self, number: int) -> None:
        self._asked += number

    def _hear_notice(self) -> None:
        pid = self._notices.read()
        for member in self._members():
            if member.child and member.child.pid == pid:
                member.became_ready()

    def _bury(self, member: Member, child: Child) -> None:
        self._selector.unregister(child.pidfd)
        self._record_death(member, child.reap())

    def _record_death(self, member: Member, status: int) -> None:
        """Plan the restart, unless it is not wanted. Raises GaveUp."""
        member.died(status, self._clock())
        if self._stopping or member.once:
            member.restart_at = None
        elif not member.is_hopeless:
            self._say(member.process.name, f"ended ({_spelled(status)}), starting it again")
        else:
            member.restart_at = None
            raise GaveUp(
                f"{member.process.name} ended {member.deaths} times before it was ready "
                f"({_spelled(status)})."
            )

    def _stop_stage(self, stage: list[Member]) -> None:
        for member in stage:
            member.restart_at = None
            if member.child:
                member.child.terminate()
        asked, started = self._asked, self._clock()
        while running := [member for member in stage if member.child]:
            ends = started if self._asked > asked else None
            self._turn(self._kill_late(running, started, ends))

    def _kill_late(self, running: list[Member], started: float, ends: float | None) -> float | None:
        """SIGKILL whose grace is over; when the next one's will be, None if there is none."""
        graces = {m.process.name: ends or started + m.process.grace_s for m in running}
        now = self._clock()
        for member in running:
            if member.child and now >= graces[member.process.name]:
                member.child.signal_group(signal.SIGKILL)
        return min((at for at in graces.values() if at > now), default=None)


def _spelled(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
