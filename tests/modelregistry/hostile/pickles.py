"""Pickles that leave a mark where they are opened."""

import os
import pickle
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Maker: TypeAlias = Callable[[Path], bytes]


class Calls:
    """Unpickled, it is what the call gives."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def marking(marker: Path) -> bytes:
    """Touches the file by a program, if it is let."""
    return pickle.dumps(Calls(os.system, f"touch {marker}"))


def marking_old(marker: Path) -> bytes:
    """The first protocol, which is plain text."""
    return pickle.dumps(Calls(os.system, f"touch {marker}"), protocol=0)


def writing(marker: Path) -> bytes:
    """Without a program."""
    return pickle.dumps(Calls(os.open, str(marker), os.O_CREAT | os.O_WRONLY))


def compressed(marker: Path) -> bytes:
    """As joblib writes it."""
    return zlib.compress(marking(marker))


def after_a_zip(marker: Path) -> bytes:
    """An archive by its first bytes, a pickle by its last."""
    return b"PK\x03\x04" + marking(marker)


def starting(marker: Path) -> bytes:
    """Popen begins it at once."""
    return pickle.dumps(Calls(subprocess.Popen, ["touch", str(marker)]))


def running(code: str) -> bytes:
    return pickle.dumps(Calls(exec, code))
