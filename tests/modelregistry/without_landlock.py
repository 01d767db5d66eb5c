"""The gate on a kernel that has no Landlock: a filter says so, for this process and its child."""

import ctypes
import struct
import sys
from pathlib import Path

from modelregistry.errors import RefusedFile
from modelregistry.ingestion import wire
from modelregistry.ingestion.gate import examine
from modelregistry.intake import syscalls
from modelregistry.intake.landlock import CREATE_RULESET


def forget_landlock() -> None:
    steps = [(syscalls.LOAD, 0, 0, syscalls.NUMBER_AT), (syscalls.EQUAL, 0, 1, CREATE_RULESET)]
    packed = [struct.pack("HBBI", *s) for s in (*steps, syscalls.UNKNOWN, syscalls.ALLOW)]
    program = ctypes.create_string_buffer(b"".join(packed), 32)
    filters = struct.pack("HL", 4, ctypes.addressof(program))
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, ctypes.create_string_buffer(filters, len(filters))) == 0  # SECCOMP


def main(folder: Path) -> None:
    forget_landlock()

    def fill(into: Path) -> None:
        (into / wire.MODEL).write_bytes((folder / "model.pkl").read_bytes())

    try:
        examine(wire.Request(pickle=True), fill=fill, scratch=folder / "intake")
    except RefusedFile as refusal:
        print(refusal)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
