"""What predictions feel of bad uploads: p99 at half capacity, without and beside forty of them.

`python -m benchmarks.beside_uploads`: its own `manage.py up`, wrk, the hostile corpus of the tests.
All of the service shares one core, the load has another; the kinds of rounds take turns. wrk's
connections pause at random between their requests, so that together they ask at a given rate
whatever the answers take. How many files wait is read in the database: asking the service would be
load that nobody's uploads are.
"""

import os
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import median

import httpx

from benchmarks import wrk
from benchmarks.cases import cores
from mlapi.env import read_environment
from modelregistry.errors import RefusedFile
from modelregistry.intake.recognise import check_start
from predictions.measure.bodies import bodies_for, iris_rows
from tests.modelregistry.hostile.corpus import CASES
from tests.running import Stack, manage, running, until

UPLOADS, ROUNDS, SECONDS, CONNECTIONS = 40, 5, 8, 256
REFUSED_WITHIN_S, REFUSED_IN_A_ROUND, LOWEST = 120, 80, 19
PREDICT, MODEL = "/predict-async", "bad-files"
WAITING = """
select count(*) from modelregistry_modelversion as version
join modelregistry_registeredmodel as model on model.id = version.model_id
where model.name = ? and version.state != 'rejected'
"""
PAUSES = """
function delay()
  return math.floor(0.5 - math.log(1 - math.random()) * {mean_ms})
end
"""


def main() -> int:
    if not wrk.installed():
        print(wrk.MISSING, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="mlapi-bench-") as name:
        folder = Path(name)
        with served(folder / "data" / "var") as stack:
            measure(stack, folder)
    return 0


@contextmanager
def served(data_dir: Path) -> Iterator[Stack]:
    """`manage.py up` on the first core; this process has the other from then on."""
    here, there = cores()
    as_delivered = str(read_environment({}).background_nice)  # that of tests is not
    os.sched_setaffinity(0, {here})
    with running(data_dir, MLAPI_BACKGROUND_NICE=as_delivered) as stack:
        os.sched_setaffinity(0, {there})
        yield stack


def measure(stack: Stack, folder: Path) -> None:
    files = (case.build() for case in CASES.values() if case.ends_by_itself)
    turns = cycle(posts(stack, filter(is_looked_at, files)))
    script = wrk.script(bodies_for(PREDICT, iris_rows(1000, Random(7))) or ())
    _, *first = [load(stack, folder, script, connections=64) for _ in range(4)]  # one warms up
    capacity = median(run.requests_per_s for run in first)
    mean_ms = CONNECTIONS / (capacity / 2) * 1000
    paced = script + PAUSES.format(mean_ms=mean_ms)
    alone, beside, amid = [], [], []
    for _ in range(ROUNDS):
        until(lambda: waiting(stack.data_dir) == 0, REFUSED_WITHIN_S, "all files refused")
        alone.append(load(stack, folder, paced))
        top_up(stack, turns, to=UPLOADS + REFUSED_IN_A_ROUND)
        beside.append(load(stack, folder, paced))
        with uploading(stack, turns):
            amid.append(load(stack, folder, paced))
    print(f"capacity {capacity:,.0f} requests/s; {ROUNDS} rounds of {SECONDS} s each, in turn")
    show("alone", alone, alone)
    show(f"beside {UPLOADS} and more bad files that are worked on", beside, alone)
    show("the same while each that is refused is followed by another", amid, alone)


def load(stack: Stack, folder: Path, lua: str, *, connections: int = CONNECTIONS) -> wrk.Run:
    path = folder / "load.lua"
    path.write_text(lua)
    url = stack.base_url + PREDICT
    return wrk.run(url, path, connections=connections, seconds=SECONDS, cpus={cores()[-1]})


def show(name: str, runs: Sequence[wrk.Run], alone: Sequence[wrk.Run]) -> None:
    times = median(run.p99_ms / one.p99_ms for one, run in zip(alone, runs, strict=True))
    print(
        f"{name}: {median(r.requests_per_s for r in runs):,.0f} requests/s, "
        f"p50 {median(r.p50_ms for r in runs):.2f} ms, p99 {median(r.p99_ms for r in runs):.2f} ms "
        f"({', '.join(f'{r.p99_ms:.1f}' for r in runs)}), {times:.2f} times that alone, "
        f"failed {sum(r.failed for r in runs)}"
    )


def is_looked_at(file: bytes) -> bool:
    """Whether a worker opens it; others are refused while they come in."""
    try:
        check_start(file, whole=True)
    except RefusedFile:
        return False
    return True


def posts(stack: Stack, files: Iterable[bytes]) -> list[bytes]:
    """The requests that hand in `files`, as they go over the wire, of somebody who may."""
    create = f"from modelregistry import services; services.create_model(name={MODEL!r}, task='')"
    manage(stack.data_dir, "shell", "-v0", "-c", create)
    key = manage(stack.data_dir, "create_api_key", "admin").stdout.strip()
    with httpx.Client(base_url=stack.base_url, headers={"Authorization": f"Bearer {key}"}) as known:
        path = f"/api/v1/models/{MODEL}/versions/"
        return [on_the_wire(known.build_request("POST", path, files={"file": f})) for f in files]


def on_the_wire(request: httpx.Request) -> bytes:
    line = b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)
    headers = [b"%s: %s" % header for header in request.headers.raw]
    return b"\r\n".join([line, *headers, b"", request.read()])


@contextmanager
def uploading(stack: Stack, turns: Iterator[bytes]) -> Iterator[None]:
    """Inside, forty bad files wait or are being looked at, at every moment."""
    over = threading.Event()

    def keep() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)  # wrk's core is ours
        while not over.wait(0.1):
            top_up(stack, turns, to=UPLOADS)

    until(lambda: waiting(stack.data_dir) <= UPLOADS, REFUSED_WITHIN_S, "no more than forty left")
    with ThreadPoolExecutor(1) as one:
        sender = one.submit(keep)
        try:
            yield
        finally:
            over.set()
        sender.result()


def top_up(stack: Stack, turns: Iterator[bytes], *, to: int) -> None:
    """Hand in as many as are missing. What is sent was made before: wrk needs the core."""
    missing = to - waiting(stack.data_dir)
    if missing <= 0:
        return
    url = httpx.URL(stack.base_url)
    with closing(HTTPConnection(url.host, url.port, timeout=60)) as connection:
        connection.connect()
        for _ in range(missing):
            connection.sock.sendall(next(turns))
            with HTTPResponse(connection.sock, method="POST") as answer:
                answer.begin()
                said = answer.read()
            if answer.status != HTTPStatus.ACCEPTED:
                raise RuntimeError(said.decode())


def waiting(data_dir: Path) -> int:
    """Bad files that are not refused yet."""
    database = f"file:{data_dir / 'mlapi.sqlite3'}?mode=ro"
    with closing(sqlite3.connect(database, uri=True)) as connection:
        number: int = connection.execute(WAITING, (MODEL,)).fetchone()[0]
        return number


if __name__ == "__main__":
    sys.exit(main())
