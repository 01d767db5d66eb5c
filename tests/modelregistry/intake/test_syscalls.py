"""The numbers of the calls that are refused are those of the kernel's own headers."""

import re
from pathlib import Path

import pytest

from modelregistry.intake import syscalls

HEADERS = (
    Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h")
)  # fmt: skip
CALLS = syscalls.REFUSED | {
    "clone": syscalls.CLONE, "clone3": syscalls.CLONE3, "prlimit64": syscalls.PRLIMIT,
    "fcntl": syscalls.FCNTL, "prctl": syscalls.PRCTL,
}  # fmt: skip


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_each_number_is_the_kernels(column: int) -> None:
    if not HEADERS[column].exists():
        pytest.skip("the kernel's headers are not installed")
    text = HEADERS[column].read_text()
    numbers = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text))
    wrong = [
        name
        for name, call in CALLS.items()
        if name in numbers and call[column] is not None and int(numbers[name]) != call[column]
    ]
    missing = [name for name, call in CALLS.items() if name in numbers and call[column] is None]
    assert (wrong, missing) == ([], [])


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_programs_jumps_stay_inside_it(machine: str) -> None:
    steps = syscalls._steps(*syscalls.MACHINES[machine])
    for at, (operation, so, otherwise, _) in enumerate(steps):
        if operation in (syscalls.EQUAL, syscalls.AT_LEAST, syscalls.ANY_OF):
            assert max(so, otherwise) < len(steps) - at - 1
    assert steps[-1] == syscalls.ALLOW


def test_a_machine_without_a_list_is_not_guessed_at() -> None:
    with pytest.raises(OSError, match="no list"):
        syscalls.filter_for("pdp11")
