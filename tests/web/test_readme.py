"""README pasted into a shell, in a folder like a fresh clone's: every answer is as it says."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlapi.env import VARIABLES
from mlapi.examples import GROUPS
from mlapi.pasted import MAKE_KEY
from tests.running import BASE_DIR, Stack, running

README = (BASE_DIR / "README.md").read_text()
ADDRESS = "http://localhost:8000"
# ```bash blocks are pasted here; ```sh blocks start or need something that is not for a test.
BLOCKS = re.compile(
    r"```bash\n(?P<command>.*?)```(?:\n```(?:json|text)\n(?P<answer>.*?)```)?", re.S
)
DIFFERENT_EACH_TIME = {
    "duration_ms",
    "total_duration_ms",
    "avg_duration_ms",
    "request_id",
    "task_id",
    "active_tasks",
    "scheduled_tasks",
}


@dataclass(frozen=True, slots=True)
class Paste:
    """A command of README and the answer shown under it, if any."""

    command: str
    answer: str


PASTES = [
    Paste(found["command"].strip(), found["answer"] or "") for found in BLOCKS.finditer(README)
]


class Shell:
    """One shell session, so that $KEY lives on; its folder looks like the project's."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        for name in (".venv", "manage.py"):
            (folder / name).symlink_to(BASE_DIR / name)
        self._folder = folder
        self._stack = stack
        self._before = ""

    def paste(self, text: str) -> str:
        """What the command prints on standard output."""
        for scheme in ("http", "ws"):
            place = self._stack.base_url.replace("http", scheme, 1)
            text = text.replace(ADDRESS.replace("http", scheme, 1), place)
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{self._before}\n{text}"],
            cwd=self._folder,
            env=self._stack.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def remember(self, assignment: str) -> None:
        """Run `NAME=$(...)` once, for the commands after it."""
        name, value = assignment.split("=", 1)
        self._before = f"{name}={self.paste(f'echo {value}').strip()}"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("pasted")
    with running(folder / "var") as stack:
        yield Shell(folder, stack)


@pytest.mark.stack
@pytest.mark.timeout(600)
def test_every_command_pasted_in_order_answers_as_readme_says(shell: Shell) -> None:
    for paste in PASTES:
        if paste.command == MAKE_KEY:
            shell.remember(paste.command)
        else:
            compare(paste, shell.paste(paste.command))


def compare(paste: Paste, printed: str) -> None:
    if paste.answer.startswith("{"):
        assert_holds(json.loads(printed), json.loads(paste.answer), paste.command)
    else:
        for line in paste.answer.splitlines():
            assert line in printed, f"{paste.command}\nprinted\n{printed}"


def assert_holds(found: object, shown: object, where: str) -> None:
    """`found` has all that is shown; numbers as exactly as README gives them."""
    if isinstance(shown, dict):
        assert isinstance(found, dict), where
        for key, value in shown.items():
            assert key in found, f"{where}: {key}"
            if key not in DIFFERENT_EACH_TIME:
                assert_holds(found[key], value, f"{where}: {key}")
    elif isinstance(shown, list):
        assert isinstance(found, list), where
        assert len(found) == len(shown), where
        for one, other in zip(found, shown, strict=True):
            assert_holds(one, other, where)
    elif isinstance(shown, float):
        assert found == pytest.approx(shown, abs=0.0006), where
    else:
        assert found == shown, where


def test_every_example_is_in_readme_with_its_answer() -> None:
    examples = [example for group in GROUPS for example in group.examples]
    wanted = [Paste(example.curl(ADDRESS), f"{example.answer}\n") for example in examples]
    assert [paste for paste in wanted if paste not in PASTES] == []


def test_the_table_of_variables_is_the_environments() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\| (.*?) \|$", README, re.M)
    assert rows == [(v.name, v.default, v.purpose) for v in VARIABLES]


def test_every_path_that_readme_names_exists() -> None:
    named = re.findall(r"`([\w./-]+/)`", README.split("## Map of the tree")[1])
    assert len(named) >= 8
    assert [path for path in named if not (BASE_DIR / path).is_dir()] == []
    links = re.findall(r"\]\(([\w/]+\.md)\)", README)
    assert [link for link in links if not (BASE_DIR / link).is_file()] == []


def test_the_test_command_that_is_named_is_the_one_that_is_run() -> None:
    assert re.search(r"^make test\b", README, re.M)
    assert (BASE_DIR / ".ci" / "run").read_text().rstrip().endswith("\nmake check\nmake test")
