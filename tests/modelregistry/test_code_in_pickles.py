"""What the code in a pickle gets hold of, where opening pickles is switched on: nothing.

One pickle tries everything and ends in an exception that is named after what it got away with;
the refusal tells that name.
"""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from modelregistry.errors import RefusedFile
from modelregistry.ingestion import wire
from modelregistry.ingestion.gate import examine
from modelregistry.intake.confinement import Limits
from modelregistry.intake.sandbox import CODE

HARMLESS = "a file of its own"
# Each raises where it is prevented. PARENT, SECRET and MARKER are there to be used.
ATTEMPTS = {
    HARMLESS: "open('own', 'w').write('x')",
    "a socket": "import socket; socket.socket()",
    "a pair of sockets": "import socket; socket.socketpair()",
    "another program": "os.posix_spawn('/bin/touch', ['touch', MARKER], {})",
    "a shell": "if os.system(f'touch {MARKER}') != 0: raise PermissionError",
    "a second process": "if os.fork() == 0: os._exit(0)",
    "becoming another program": "os.execv('/bin/touch', ['touch', MARKER])",
    "a signal to its parent": "os.kill(PARENT, 0)",
    "a signal by a detour": "import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, PARENT)",
    "outliving its parent": "if libc.prctl(1, 0, 0, 0, 0) != 0: raise PermissionError",
    "its parent's environment": "open(f'/proc/{PARENT}/environ', 'rb').read()",
    "its parent's memory": "open(f'/proc/{PARENT}/mem', 'rb+')",
    "its parent's limits": "resource.prlimit(PARENT, resource.RLIMIT_CPU, (1, 1))",
    "its parent's priority": "os.setpriority(os.PRIO_PROCESS, PARENT, 19)",
    "a limit of its own": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "a higher priority": "os.setpriority(os.PRIO_PROCESS, 0, 0)",
    "memory that outlives it": "if libc.shmget(0, 4096, 0o1600) < 0: raise PermissionError",
    "memory that counts for nobody": "os.memfd_create('m')",
    "reading the data folder": "open(SECRET).read()",
    "reading it by a link": "os.symlink(SECRET, 'link'); open('link').read()",
    "taking it over": "os.link(SECRET, 'taken')",
    "removing it": "os.unlink(SECRET)",
    "emptying it": "os.truncate(SECRET, 0)",
    "giving it to everybody": "os.chmod(SECRET, 0o666)",
    "ageing it": "os.utime(SECRET, (0, 0))",
    "reading beside our code": f"open({str(CODE / 'pyproject.toml')!r}).read()",
    "listing beside our code": f"os.listdir({str(CODE)!r})",
    "writing into our code": f"open({str(CODE / 'modelregistry' / 'stray.py')!r}, 'w')",
    "the users of this machine": "open('/etc/passwd').read()",
    "writing elsewhere": "open(MARKER, 'w')",
    "a secret of the environment": (
        "if not any('hunter2' in value for value in os.environ.values()): raise PermissionError"
    ),
    "an open file of its parent": (
        "opened = [os.readlink(f'/proc/self/fd/{n}') for n in range(3, 256)"
        " if os.path.islink(f'/proc/self/fd/{n}')]\n"
        "if not any(name.startswith('/') for name in opened): raise PermissionError"
    ),
}
PROGRAM = """
import ctypes, os, resource
libc = ctypes.CDLL(None)
known = dict(PARENT=os.getppid(), SECRET={secret!r}, MARKER={marker!r}, os=os,
             resource=resource, libc=libc)
done = []
for name, attempt in {attempts!r}.items():
    try:
        exec(attempt, dict(known))
    except (OSError, ValueError):  # what setrlimit makes of EPERM
        pass
    else:
        done.append(name)
raise type(" and ".join(done), (Exception,), {{}})
"""


class Runs:
    """As a pickle, it runs that program when it is opened."""

    def __init__(self, program: str) -> None:
        self.program = program

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (self.program,)


def refusal(program: str, scratch: Path, limits: Limits | None = None) -> str:
    """Why a pickle of that program is not taken."""

    def fill(folder: Path) -> None:
        (folder / wire.MODEL).write_bytes(pickle.dumps(Runs(program)))

    with pytest.raises(RefusedFile) as refused:
        examine(wire.Request(pickle=True), fill=fill, scratch=scratch, limits=limits or Limits())
    assert list(scratch.iterdir()) == []
    return str(refused.value)


def test_nothing_outside_its_folder_is_within_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, marker = tmp_path / "secret", tmp_path / "marker"
    secret.write_text("hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgres://mlapi:hunter2@db/mlapi")
    program = PROGRAM.format(attempts=ATTEMPTS, secret=str(secret), marker=str(marker))
    reason = refusal(program, tmp_path / "intake")
    assert reason == f"The file cannot be unpickled: {HARMLESS}."
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("hunter2", 0o644)
    assert not marker.exists()


def test_memory_that_a_pickle_wants_is_not_there_for_it(tmp_path: Path) -> None:
    reason = refusal("b = bytearray(1 << 36)", tmp_path / "intake")
    assert reason == ("The file cannot be taken: looked at, it needed more memory than 6,144 MB.")


def test_what_a_pickle_leaves_is_a_strangers_file_like_any_other(tmp_path: Path) -> None:
    deed = "open('resaved', 'wb').write(open('model', 'rb').read())"
    reason = refusal(saying('{"type": "Resaved"}', deed), tmp_path / "intake")
    assert reason.startswith("This is a pickle or joblib file.")


def test_without_landlock_no_pickle_is_opened(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Runs(f"open({str(marker)!r}, 'w')")))
    command = [sys.executable, "-m", "tests.modelregistry.without_landlock", str(tmp_path)]
    said = subprocess.run(command, cwd=CODE, capture_output=True, text=True, check=True).stdout
    assert said.startswith("This is a pickle or joblib file.")
    assert not marker.exists()


def saying(body: str, deed: str) -> str:
    """A program that answers in the place of the process it runs in."""
    return (
        f"import json, os, sys\n{deed}\n"
        "into = json.loads(sys.argv[1])['into']\n"
        f"text = json.dumps({{'type': 'Answer', 'body': json.loads({body!r})}}).encode()\n"
        "os.write(into, len(text).to_bytes(4, 'big') + text); os._exit(0)"
    )
