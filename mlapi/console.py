"""What `manage.py up` writes to the terminal: lines with the name of the process they come from."""

import contextlib
import zlib
from dataclasses import dataclass
from typing import TextIO

WIDTH = 9
OWN = "mlapi"
COLOURS = (32, 33, 34, 35, 36)
BOLD, RESET = "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Console:
    out: TextIO
    colour: bool

    def line(self, name: str, text: str) -> None:
        """One line of the process `name`; empty ones tell nothing."""
        if not text.strip():
            return
        label = f"{name:<{WIDTH}}"
        if self.colour:
            code = COLOURS[zlib.crc32(name.encode()) % len(COLOURS)]
            label = f"\x1b[{code}m{label}{RESET}" if name != OWN else f"{BOLD}{label}{RESET}"
        self._write(f"{label} {text}\n")

    def say(self, text: str) -> None:
        """A line of our own."""
        self.line(OWN, text)

    def block(self, rows: dict[str, str], last: str) -> None:
        """Facts under each other, with air around them."""
        lines = [f"  {name:<{WIDTH}} {value}" for name, value in rows.items()]
        self._write("\n".join(["", *lines, "", f"  {last}", "", ""]))

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that has gone away stops nothing
            self.out.write(text)
            self.out.flush()
