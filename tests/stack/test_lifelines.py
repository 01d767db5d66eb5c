"""What hangs on the supervisor's life ends with it, however it ends."""

import signal
import subprocess
import sys

import psutil
import pytest

from mlapi import lifeline
from tests.running import alive
from tests.stack.test_supervisor import FOR_EVER, READY

KILLED = """
import sys
from pathlib import Path
from mlapi.child import Process
from mlapi.supervisor import Supervisor
import os, signal
code = {code!r}
supervisor = Supervisor(cwd=Path("/"), say=lambda name, line: print(line, flush=True))
for name, number in (("hard", signal.SIGKILL), ("soft", signal.SIGTERM)):
    argv = (sys.executable, "-IS", "-c", code)
    supervisor.start(Process(name=name, argv=argv, env=dict(os.environ), death_signal=number))
supervisor.wait_ready(30)
supervisor.run()
"""


@pytest.mark.alone
def test_sigkill_of_the_supervisor_takes_its_processes_along() -> None:
    script = KILLED.format(code=READY + "print(os.getpid(), flush=True);" + FOR_EVER)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(supervisor.stdout.readline()) for _ in range(2)]
        children = [psutil.Process(pid) for pid in set(pids)]
        supervisor.kill()
    gone, left = psutil.wait_procs(children, timeout=5)
    assert alive(left) == []
    assert gone


def test_a_child_whose_parent_is_already_gone_ends_itself() -> None:
    nobody = str(2**22 + 1)  # above every pid
    command = [sys.executable, "-IS", lifeline.__file__, "SIGTERM", nobody, "0"]
    command += ["/bin/echo", "alive"]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGTERM
    assert ended.stdout == b""
