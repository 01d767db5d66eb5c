"""How many CPUs a process counts on: those it is let onto, and no more than its quota is worth."""

import os
from pathlib import Path

import pytest

from mlapi.cpus import usable_cpus
from mlapi.env import read_environment
from mlapi.stack import NUMERIC_THREADS, with_threads

MANY = 64


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(MANY)))


def cpus(tmp_path: Path, groups: str, files: dict[str, str]) -> int:
    """In a tree with these files, of a process in these groups."""
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    own = tmp_path / "own"
    own.write_text(groups)
    return usable_cpus(mounted=tmp_path / "cgroup", own_groups=own)


TWO, ONE = "0::/system/mlapi\n", "9:name=systemd:/\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/\n"
V1 = "cpu,cpuacct/docker/abc/cpu.cfs_"
HERE = "cpu,cpuacct/cpu.cfs_"


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        (TWO, {}, MANY),
        (TWO, {"system/mlapi/cpu.max": "max 100000\n"}, MANY),
        (TWO, {"system/mlapi/cpu.max": "200000 100000\n"}, 2),
        (TWO, {"system/mlapi/cpu.max": "250000 100000\n"}, 2),
        (TWO, {"system/mlapi/cpu.max": "50000 100000\n"}, 1),
        (TWO, {"system/mlapi/cpu.max": "9900000 100000\n"}, MANY),
        (TWO, {"system/mlapi/cpu.max": "800000 100000", "system/cpu.max": "300000 100000"}, 3),
        (TWO, {"cpu.max": "400000 100000\n"}, 4),  # of a container that sees no more than itself
        ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/../elsewhere\n", {"cpu.max": "400000 100000\n"}, 4),
        (ONE, {}, MANY),
        (ONE, {f"{V1}quota_us": "-1\n", f"{V1}period_us": "100000\n"}, MANY),
        (ONE, {f"{V1}quota_us": "300000\n", f"{V1}period_us": "100000\n"}, 3),
        (ONE, {f"{HERE}quota_us": "500000\n", f"{HERE}period_us": "100000\n"}, 5),
        (ONE, {"cpu/cpu.cfs_quota_us": "500000", "cpu/cpu.cfs_period_us": "100000"}, 5),
        (ONE, {f"{V1}quota_us": "300000\n"}, MANY),
        (ONE + TWO, {"unified/system/mlapi/cpu.max": "200000 100000"}, 2),
        (TWO, {"system/mlapi/cpu.max": "nonsense"}, MANY),
        (TWO, {"system/mlapi/cpu.max": "100000 0"}, MANY),
        ("", {"cpu.max": "100000 100000"}, MANY),
    ],
)
def test_the_tightest_quota_above_a_process_counts(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int
) -> None:
    assert cpus(tmp_path, groups, files) == expected


def test_affinity_counts_where_it_is_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    assert cpus(tmp_path, TWO, {"cpu.max": "400000 100000"}) == 1


def test_where_there_are_no_control_groups_affinity_is_all(tmp_path: Path) -> None:
    assert usable_cpus(mounted=tmp_path / "no", own_groups=tmp_path / "none") == MANY


def test_web_processes_are_as_many_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mlapi.env.usable_cpus", lambda: 3)
    assert read_environment({}).workers == 3
    assert read_environment({"MLAPI_WORKERS": "5"}).workers == 5


@pytest.mark.parametrize(
    ("cpus", "processes", "threads"), [(8, 1, 8), (8, 3, 2), (64, 4, 16), (2, 2, 2), (1, 1, 2)]
)
def test_dear_batches_have_the_processs_part_of_the_cpus_and_never_wait_for_a_single_one(
    monkeypatch: pytest.MonkeyPatch, cpus: int, processes: int, threads: int
) -> None:
    monkeypatch.setattr("mlapi.env.usable_cpus", lambda: cpus)
    assert read_environment({"MLAPI_WORKERS": str(processes)}).run_threads == threads


@pytest.mark.parametrize(
    ("processes", "part"), [(1, "64"), (2, "32"), (3, "21"), (64, "1"), (99, "1")]
)
def test_processes_share_the_cpus_and_none_computes_with_more_than_its_part(
    monkeypatch: pytest.MonkeyPatch, processes: int, part: str
) -> None:
    monkeypatch.setattr("mlapi.stack.usable_cpus", lambda: MANY)
    assert set(with_threads({"A": "b"}, processes).items()) == {
        ("A", "b"),
        *((name, part) for name in NUMERIC_THREADS),
    }
    assert with_threads({"OMP_NUM_THREADS": "7"}, processes)["OMP_NUM_THREADS"] == "7"
