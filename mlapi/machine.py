"""Load of the machine, read at a scrape: system_memory_percent and system_cpu_percent."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import psutil
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SHORTEST_S: Final = 0.1  # of all processors together; the kernel counts hundredths


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of all processors together since the machine started."""

    busy: float
    idle: float

    def percent_since(self, before: "Spent") -> float | None:
        """How busy they were; None where too little time has passed to tell."""
        busy, idle = max(0.0, self.busy - before.busy), max(0.0, self.idle - before.idle)
        return 100 * busy / (busy + idle) if busy + idle >= SHORTEST_S else None


def spent() -> Spent:
    """Waiting for a disk is idle; guests are in `user` and `nice` already (proc_stat(5))."""
    now = psutil.cpu_times()
    idle = now.idle + getattr(now, "iowait", 0.0)
    guests = getattr(now, "guest", 0.0) + getattr(now, "guest_nice", 0.0)
    return Spent(sum(now) - guests - idle, idle)


class Processors:
    """Load since somebody looked last, whichever thread that was: psutil remembers for each."""

    def __init__(self, read: Callable[[], Spent] = spent) -> None:
        self._read = read
        self._looking = threading.Lock()
        self._last = read()
        self._percent = self._last.percent_since(Spent(0, 0)) or 0.0

    def percent(self) -> float:
        """Too soon after the last look, what was seen then."""
        with self._looking:
            now = self._read()
            percent = now.percent_since(self._last)
            if percent is not None:
                self._last, self._percent = now, percent
            return self._percent


class MachineCollector(Collector):
    """Memory and processor load of the machine."""

    def __init__(self) -> None:
        self._processors = Processors()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        memory, cpu = psutil.virtual_memory().percent, self._processors.percent()
        yield GaugeMetricFamily("system_memory_percent", "Memory in use, percent.", value=memory)
        yield GaugeMetricFamily(
            "system_cpu_percent", "Processor load since the last scrape, percent.", value=cpu
        )
