"""What was promised, beside what was measured: one line for each figure of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.overload import Overload
from benchmarks.results import Result, pick, ratio, times_cpu
from benchmarks.sides import HELLO, LANE, NATIVE, TUTORIAL

LANE_TIMES_TUTORIAL, LANE_SHARE_OF_HELLO, P99_SHARE = 3.5, 0.5, 0.5
CPU_TIMES = 1.1
P99_TIMES, REFUSED_MS, GROWN_MB = 2.0, 50.0, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`met` is None for a figure that is only told."""

    promise: str
    figure: str
    target: str
    met: bool | None

    def __str__(self) -> str:
        word = {True: "met", False: "MISSED", None: "told"}[self.met]
        target = f" (promised: {self.target})" if self.target else ""
        return f"{self.promise} {word}: {self.figure}{target}"


def of_race(results: Sequence[Result]) -> Iterator[Verdict]:
    lane, tutorial, hello = (pick(results, side=side) for side in (LANE, TUTORIAL, HELLO))
    times, share = ratio(lane, tutorial), ratio(lane, hello)
    yield Verdict(
        promise="S1",
        figure=f"the lane answers {times:.2f} times as many requests/s as the tutorial app",
        target=f"at least {LANE_TIMES_TUTORIAL}",
        met=times >= LANE_TIMES_TUTORIAL,
    )
    yield Verdict(
        promise="S1",
        figure=f"the lane answers {share:.0%} of hello-world's requests/s",
        target=f"at least {LANE_SHARE_OF_HELLO:.0%}",
        met=share >= LANE_SHARE_OF_HELLO,
    )
    waits = ratio(lane, tutorial, "p99_ms")
    yield Verdict(
        promise="S2",
        figure=f"the lane's p99 is {waits:.2f} times the tutorial app's",
        target=f"at most {P99_SHARE}",
        met=waits <= P99_SHARE,
    )


def of_scaling(results: Sequence[Result]) -> Iterator[Verdict]:
    one, two = (pick(results, side=LANE, layout=name) for name in ("one core", "two workers"))
    times = times_cpu(two, one)
    yield Verdict(
        promise="S3",
        figure=f"a request costs two workers {times:.2f} times one worker's processor time",
        target=f"at most {CPU_TIMES}",
        met=times <= CPU_TIMES,
    )
    for side in (LANE, NATIVE):
        one, two = (pick(results, side=side, layout=name) for name in ("one core", "two workers"))
        yield Verdict(
            promise="S3",
            figure=(
                f"two workers answer {ratio(two, one):.2f} times as many requests of {one.rows} "
                f"rows ({one.model}) as one"
            ),
            target="",
            met=None,
        )


def of_overload(measured: Overload) -> Iterator[Verdict]:
    yield Verdict(
        promise="P8",
        figure=f"at 3 times capacity accepted p99 is {measured.times_p99:.2f} times that at it",
        target=f"at most {P99_TIMES:.0f}",
        met=measured.times_p99 <= P99_TIMES,
    )
    yield Verdict(
        promise="P8",
        figure=f"a refusal takes {measured.refused_p50_ms:.1f} ms (median)",
        target=f"under {REFUSED_MS:.0f} ms",
        met=measured.refused_p50_ms < REFUSED_MS,
    )
    yield Verdict(
        promise="P8",
        figure=f"{measured.other} requests were neither answered nor refused with Retry-After",
        target="0",
        met=measured.other == 0,
    )
    each = measured.grown_mb / measured.processes
    yield Verdict(
        promise="P8",
        figure=f"memory grew by {each:.1f} MB a process meanwhile",
        target=f"at most {GROWN_MB:.0f} MB",
        met=each <= GROWN_MB,
    )
