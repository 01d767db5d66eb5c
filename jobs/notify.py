"""Tells a supervisor that this process is ready, by the sd_notify protocol (systemd knows it too).

Source: sd_notify(3): a datagram READY=1 to the socket that $NOTIFY_SOCKET names.
"""

import contextlib
import os
import socket


def notify_ready() -> None:
    """Nothing happens where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"READY=1", address)
