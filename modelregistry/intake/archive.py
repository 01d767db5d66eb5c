"""What a .skops archive may hold, found by reading it: nothing is ever extracted.

Said before skops opens it: its members are the few kinds that skops writes, under names that are
no paths, and unpacked they have a size that fits into memory.
"""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable
from itertools import pairwise
from lzma import LZMAError
from typing import Final

from modelregistry.errors import RefusedFile

ZIP: Final = b"PK\x03\x04"
SCHEMA: Final = "schema.json"
MOST_MEMBERS: Final = 100_000
MOST_BYTES: Final = 2**30  # of all members, unpacked
NAME: Final = re.compile(r"schema\.json|[0-9A-Za-z-]{1,64}\.(npy|npz|bin)")
NAME_IN_NPZ: Final = re.compile(r"[a-z_]{1,64}\.npy")  # what scipy calls a matrix's arrays
ENTRY: Final = b"PK\x01\x02"  # begins each member's line in the table of contents
HEADER: Final = 30  # bytes before a member's name and content
ENCRYPTED: Final = 1
PIECE: Final = 2**20
# What zipfile lets out of a damaged archive; a name that is no UTF-8 is a ValueError.
DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, OverflowError, ValueError,
    LookupError, NotImplementedError, RuntimeError,
)  # fmt: skip


def check_archive(data: bytes) -> None:
    """Raises RefusedFile for an archive that skops would not write, or that unpacks to too much."""
    with opened(data) as archive:
        if SCHEMA not in archive.namelist():
            raise RefusedFile(
                "This is a zip archive without a skops schema. A model is a .skops or an .onnx "
                "file."
            )
        _unpack(archive, NAME, MOST_BYTES)


def opened(data: bytes) -> zipfile.ZipFile:
    """Its table of contents has been read. Raises RefusedFile where it is damaged or too long."""
    if data.count(ENTRY) > MOST_MEMBERS:  # whatever the archive says: each costs memory
        raise RefusedFile(f"The archive has more than {MOST_MEMBERS:,} members.")
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except DAMAGE as error:
        raise RefusedFile(
            "The archive is damaged: its table of contents cannot be read."
        ) from error


def _unpack(archive: zipfile.ZipFile, names: re.Pattern[str], left: int) -> int:
    """How many bytes are left when everything is unpacked, in pieces that are not kept."""
    members = archive.infolist()
    _check_names(members, names)
    for member in members:
        _check_kind(member)
    _check_places(members)
    if sum(member.file_size for member in members) > left:
        raise RefusedFile(f"Unpacked, the archive has more than {MOST_BYTES // 2**20:,} MB.")
    for member in members:
        left -= _size(archive, member)
        if member.filename.endswith(".npz"):  # an archive in the archive
            with opened(archive.read(member)) as inner:
                left = _unpack(inner, NAME_IN_NPZ, left)
    return left


def _check_names(members: list[zipfile.ZipInfo], names: re.Pattern[str]) -> None:
    """The names as they are written: zipfile shortens them at a NUL."""
    for member in members:
        written = member.orig_filename
        if member.filename != written or not names.fullmatch(written):
            raise RefusedFile(f"The archive has a member {_fault(written)}.")
    if len({member.filename for member in members}) < len(members):
        raise RefusedFile("The archive has several members of one name.")


def _fault(name: str) -> str:
    if any(mark in name for mark in ("/", "\\", ":", "..")):
        return "whose name is a path"
    if not (name.isascii() and name.isprintable()):
        return "whose name has characters that skops never writes"
    return "that skops never writes"


def _check_kind(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & ENCRYPTED:
        raise RefusedFile("The archive is encrypted: save the model without a password.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise RefusedFile("The archive has a link or a folder in it, where only files belong.")


def _check_places(members: list[zipfile.ZipInfo]) -> None:
    """Members that lie on each other unpack to far more than the file has."""
    lying = sorted(members, key=lambda member: member.header_offset)
    for one, following in pairwise(lying):
        end = one.header_offset + HEADER + len(one.orig_filename) + one.compress_size
        if end > following.header_offset:
            raise RefusedFile("The archive has members that lie on each other.")


def _size(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Its size when it is unpacked, which is at most what it declares; the checksum is compared."""
    try:
        with archive.open(member) as content:
            read: Callable[[], bytes] = lambda: content.read(PIECE)  # noqa: E731
            return sum(map(len, iter(read, b"")))
    except DAMAGE as error:
        raise RefusedFile("The archive is damaged: a member cannot be read.") from error
