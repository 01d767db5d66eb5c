"""wrk as a function: a script with many bodies in turn, one run, its output as figures. Pure."""

import re
import shutil
import string
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import JSON, held_to

MISSING = "wrk is not installed; on Debian and Ubuntu: apt-get install wrk"
MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}

# The requests are formatted once, so that while measuring only a table is indexed.
SCRIPT = """\
local bodies = {{
{bodies}
}}
local requests, turn = {{}}, 0
init = function(args)
  local headers = {{{headers}}}
  for i, body in ipairs(bodies) do
    requests[i] = wrk.format("POST", nil, headers, body)
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. `failed` counts answers of 400 and above and socket errors."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    requests: int
    failed: int


def script(bodies: Sequence[bytes], headers: Mapping[str, str] = JSON) -> str:
    """A Lua script that posts `bodies` in turn. They are JSON without control characters."""
    quoted = ",\n".join(f"[==[{body.decode()}]==]" for body in bodies)
    table = ", ".join(f"[ [==[{name}]==] ] = [==[{value}]==]" for name, value in headers.items())
    return SCRIPT.format(bodies=quoted, headers=table)


def run(url: str, lua: Path, *, connections: int, seconds: int, cpus: Collection[int]) -> Run:
    """Load `url` from one wrk thread on `cpus`."""
    argv = [*held_to(cpus), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    done = subprocess.run(
        [*argv, "--latency", "-s", str(lua), url],
        capture_output=True, text=True, check=True, timeout=seconds + 30,
    )  # fmt: skip
    return parse(done.stdout)


def installed() -> bool:
    return shutil.which("wrk") is not None


def parse(output: str) -> Run:
    """The figures in what `wrk --latency` prints. Raises ValueError where one is missing."""
    return Run(
        requests_per_s=float(_found(r"^Requests/sec:\s+([\d.]+)", output)),
        p50_ms=_milliseconds(_found(r"^\s+50%\s+(\S+)", output)),
        p99_ms=_milliseconds(_found(r"^\s+99%\s+(\S+)", output)),
        requests=int(_found(r"^\s+(\d+) requests in ", output)),
        failed=_failed(output),
    )


def _found(pattern: str, output: str) -> str:
    match = re.search(pattern, output, re.MULTILINE)
    if match is None:
        raise ValueError(f"wrk printed nothing like {pattern}:\n{output}")
    return match[1]


def _milliseconds(text: str) -> float:
    number = text.rstrip(string.ascii_lowercase)
    return float(number) * MILLISECONDS[text.removeprefix(number)]


def _failed(output: str) -> int:
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output
    )
    counts = [*(refused.groups() if refused else ()), *(broken.groups() if broken else ())]
    return sum(int(count) for count in counts)
