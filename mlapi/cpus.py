"""The CPUs this process may use: by its affinity, and by the quotas of its control groups. Pure.

Sources: the kernel's cgroup-v2.rst (cpu.max) and sched-bwc.rst (cpu.cfs_quota_us of version 1).
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from math import inf
from pathlib import Path

MOUNTED = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
CONTROLLER = "cpu"


def usable_cpus(*, mounted: Path = MOUNTED, own_groups: Path = OWN_GROUPS) -> int:
    """Whole CPUs, at least one: of two and a half, two are used without being throttled."""
    quotas = (_quota(folder) for folder in _folders(mounted, own_groups))
    return max(1, int(min([len(os.sched_getaffinity(0)), *quotas])))


def _folders(mounted: Path, own_groups: Path) -> Iterator[Path]:
    """Of each group this process is in, and of all above it: every one of them limits it.

    A container may see its own group as the root, or by a path that is not there.
    """
    for line in _text(own_groups).splitlines():
        _, controllers, path = line.split(":", 2)
        hierarchy = _hierarchy(mounted, controllers)
        if hierarchy is not None:
            group = hierarchy / path.lstrip("/")
            yield from (up for up in (group, *group.parents) if up.is_relative_to(hierarchy))


def _hierarchy(mounted: Path, controllers: str) -> Path | None:
    """Where the groups of these controllers are; None where they do not divide CPUs.

    In version 2 all are in one tree, which has no name.
    """
    if not controllers:
        unified = mounted / "unified"  # beside version 1
        return unified if unified.is_dir() else mounted
    if CONTROLLER not in controllers.split(","):
        return None
    named = mounted / controllers
    return named if named.is_dir() else mounted / CONTROLLER  # a link: the order may be another


def _quota(folder: Path) -> float:
    """CPUs; infinite where there is no limit."""
    limit = _text(folder / "cpu.max").split()
    if not limit:
        limit = [_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    with suppress(ValueError, ZeroDivisionError):  # "max", or nothing
        quota, period = map(int, limit)
        return quota / period if quota > 0 else inf  # version 1 says -1
    return inf


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
