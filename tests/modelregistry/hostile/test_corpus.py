"""The hostile corpus through the real gate: each file is refused with a reason that a person
understands, and leaves nothing behind.
"""

import ctypes
import gc
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from modelregistry.errors import RefusedFile
from tests.modelregistry.hostile.corpus import CASES, MARKER
from tests.modelregistry.ingestion.examined import QUICK, examined

MOST_MEMORY = 64 * 2**20
ENDLESS = msgspec.structs.replace(QUICK, wall_s=6.0)
NO_PERSON_READS = re.compile(r"Traceback|\w+Error\b|<class|0x[0-9a-f]{6}|::|/(etc|tmp|home|usr)/")


def memory_in_use() -> int:
    """Bytes; what the builders of files have freed goes back to the kernel first."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    rss: int = psutil.Process().memory_info().rss
    return rss


@pytest.fixture(scope="module")
def memory() -> Iterator[int]:
    """Bytes of this process before; each file has been built once, which takes memory, too."""
    for case in CASES.values():
        case.build()
    this = psutil.Process()
    others = this.children()  # of tests before
    yield memory_in_use()
    assert set(this.children()) <= set(others)


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_with_a_reason_and_leaves_nothing(
    tmp_path: Path, memory: int, name: str
) -> None:
    case, scratch = CASES[name], tmp_path / "scratch"
    limits = QUICK if case.ends_by_itself else ENDLESS
    with pytest.raises(RefusedFile, match=case.words) as refused:
        examined(case.build(), scratch, limits=limits)
    assert not NO_PERSON_READS.search(str(refused.value))
    assert list(tmp_path.iterdir()) == [scratch]
    assert list(scratch.iterdir()) == []
    assert not MARKER.exists()
    assert memory_in_use() - memory <= MOST_MEMORY
