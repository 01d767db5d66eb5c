"""Zip archives written byte by byte, so that they may say anything."""

import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tests.modelregistry.hostile.good import skops_file

LOCAL, CENTRAL, END = "<4sHHHHHLLLHH", "<4sHHHHHHLLLHHHHHLL", "<4sHHHHLLH"
UTF8, ENCRYPTED, DEFLATED, UNIX = 0x800, 1, 8, 3 << 8
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Member:
    """`content` is as it lies in the file; `size` is what it is said to unpack to."""

    name: bytes
    content: bytes = b""
    method: int = 0
    size: int | None = None
    flags: int = 0
    mode: int = 0  # as Unix has it
    crc: int | None = None
    lies_on_first: bool = False  # has no place of its own


def written(members: Sequence[Member]) -> bytes:
    body, directory = b"", b""
    for member in members:
        at = 0 if member.lies_on_first else len(body)
        size = len(member.content) if member.size is None else member.size
        crc = zlib.crc32(member.content) if member.crc is None else member.crc
        facts = (20, member.flags, member.method, 0, 0, crc, len(member.content), size)
        if not member.lies_on_first:
            head = struct.pack(LOCAL, b"PK\x03\x04", *facts, len(member.name), 0)
            body += head + member.name + member.content
        rest = (len(member.name), 0, 0, 0, 0, member.mode << 16, at)
        directory += struct.pack(CENTRAL, b"PK\x01\x02", UNIX, *facts, *rest) + member.name
    count = len(members)
    return (
        body
        + directory
        + struct.pack(END, b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    )


@cache
def members() -> tuple[Member, ...]:
    """Of a file that would be taken as it is."""
    with zipfile.ZipFile(io.BytesIO(skops_file())) as archive:
        return tuple(Member(name.encode(), archive.read(name)) for name in archive.namelist())


def beside(*more: Member) -> bytes:
    """A good file with these members in it too."""
    return written([*members(), *more])


def named(name: bytes | str, *, flags: int = 0) -> bytes:
    if isinstance(name, str):
        return beside(Member(name.encode(), flags=UTF8))
    return beside(Member(name, flags=flags))


def symlink() -> bytes:
    return beside(Member(b"1.npy", b"/etc/passwd", mode=stat.S_IFLNK | 0o777))


def device() -> bytes:
    return beside(Member(b"1.npy", mode=stat.S_IFCHR | 0o666))


def twice(name: bytes) -> bytes:
    return beside(*(Member(name, b"{}") for _ in range(2)))


def encrypted() -> bytes:
    return beside(Member(b"1.npy", bytes(12), flags=ENCRYPTED))


def unknown_method() -> bytes:
    return beside(Member(b"1.npy", bytes(12), method=97))


def wrong_checksum() -> bytes:
    return beside(Member(b"1.npy", b"what was not written", crc=1))


def other_local_name() -> bytes:
    """The table of contents calls it otherwise than it calls itself."""
    return beside(Member(b"1.npy", b"x")).replace(b"1.npyx", b"2.npyx", 1)


def zeros(mebibytes: int) -> bytes:
    """That many, deflated: a thousandth of it."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * mebibytes + packer.flush()


def bomb(name: bytes = b"1.npy") -> Member:
    return Member(name, zeros(2048), method=DEFLATED, size=2048 * MIB, crc=0)


def single_bomb() -> bytes:
    return beside(bomb())


def without_schema() -> bytes:
    return written([Member(b"readme.txt", b"no model"), Member(b"1.npy")])


def lying_bomb() -> bytes:
    """Says that it is small."""
    return beside(replace(bomb(), size=1000))


def many_bombs() -> bytes:
    """Each is small enough."""
    one = Member(b"", zeros(128), method=DEFLATED, size=128 * MIB, crc=0)
    return beside(*(replace(one, name=b"%d.npy" % number) for number in range(9)))


def overlapping() -> bytes:
    """A hundred members that share one content."""
    first = Member(b"0.npy", zeros(1), method=DEFLATED, size=MIB)
    shared = [replace(first, name=b"%d.npy" % n, lies_on_first=True) for n in range(1, 100)]
    return written([first, *shared, *members()])


def bomb_in_a_matrix() -> bytes:
    """The arrays of a sparse matrix are an archive of their own."""
    inner = written([bomb(b"data.npy")])
    return beside(Member(b"1.npz", inner))


def path_in_a_matrix() -> bytes:
    return beside(Member(b"1.npz", written([Member(b"../../data.npy")])))


def crowd() -> bytes:
    """A table of contents without end."""
    entry = struct.pack(CENTRAL, b"PK\x01\x02", *[0] * 9, 5, *[0] * 6) + b"1.npy"
    return written(members()) + entry * 100_001


def array_of(header: str) -> bytes:
    """A numpy file that says so of itself, and holds nothing."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def boundless_array() -> bytes:
    """Every array says that it has 10^12 numbers."""
    array = array_of("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}")
    return with_arrays(array)


def pickled_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    return with_arrays(buffer.getvalue())


def with_arrays(array: bytes) -> bytes:
    return written([m if m.name == b"schema.json" else Member(m.name, array) for m in members()])


def with_schema(schema: bytes) -> bytes:
    return written([Member(m.name, schema) if m.name == b"schema.json" else m for m in members()])


def deep_schema() -> bytes:
    return with_schema(b'{"content":' * 100_000 + b"1" + b"}" * 100_000)


def foreign_type(name: str = "system") -> bytes:
    """A type that nobody trusts, whose construction would run a program."""
    call = {"__class__": name, "__module__": "os", "__loader__": "FunctionNode", "content": ""}
    return with_schema(json.dumps({**call, "protocol": 2, "_skops_version": "0.13"}).encode())


def one_array_a_thousand_times() -> bytes:
    """Each mention is read anew: 64 MB in the file, 64 GB in memory."""
    array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode",
             "type": "numpy", "file": "1.npy"}  # fmt: skip
    content = [{**array, "__id__": number} for number in range(1000)]
    whole = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode",
             "content": content, "protocol": 2, "_skops_version": "0.13"}  # fmt: skip
    large = Member(
        b"1.npy", zeros(64), method=DEFLATED, size=64 * MIB, crc=zlib.crc32(bytes(64 * MIB))
    )
    return written([Member(b"schema.json", json.dumps(whole).encode()), large])
