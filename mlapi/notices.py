"""What reaches a supervisor from outside its pipes: stop signals, and READY=1 from its children."""

import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class ReadySocket:
    """The receiving end of the sd_notify protocol; the kernel vouches for who is speaking."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("")  # an abstract name of the kernel's choice
        name: bytes = self._socket.getsockname()
        self.address = "@" + name[1:].decode()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def read(self) -> int | None:
        """The pid that says it is ready; None for any other message."""
        text, control, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(CREDENTIALS.size))
        if not control or b"READY=1" not in text.split(b"\n"):
            return None
        pid: int = CREDENTIALS.unpack(control[0][2])[0]
        return pid


@contextmanager
def stop_requests() -> Iterator[socket.socket]:
    """While inside, stop signals arrive on the yielded socket, a byte each, instead of acting.

    SIGHUP stays ignored where it was (nohup).
    """
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    taken = [
        n for n in STOP_SIGNALS if signal.getsignal(n) is not signal.SIG_IGN or n != signal.SIGHUP
    ]
    before = {number: signal.signal(number, _leave_to_wakeup) for number in taken}
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        reader.close()
        writer.close()


def count_stops(reader: socket.socket) -> int:
    """How many stop signals have arrived since the last call."""
    return sum(number in STOP_SIGNALS for number in reader.recv(64))


def _leave_to_wakeup(_number: int, _frame: object) -> None:
    """The wakeup fd has it; without a Python handler the signal would end us."""
