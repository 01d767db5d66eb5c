"""What is measured: which side, on which processors, by how many connections."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.models import MANY, Model
from benchmarks.sides import (
    LANE,
    Side,
    hello,
    native,
    of_default_model,
    race_sides,
    tutorial,
)

SIZES = ("small", "medium", "large")  # of the grid's models
RACING = 64  # connections in race and scaling
Headers = Mapping[str, str]
Models = Mapping[str, Model]  # by size


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Web processes, the processors they have, and those of the load tool."""

    name: str
    workers: int
    server: frozenset[int]
    load: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    side: Side
    layout: Layout
    connections: int

    @property
    def name(self) -> str:
        side, rows = self.side, f", {self.side.rows} rows" if self.side.rows > 1 else ""
        return f"{side.name} ({side.model}{rows}), {self.layout.name}, {self.connections}"


def cores() -> tuple[int, int]:
    """One for the server, one for wrk; the same one where there is no second."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def one_core() -> Layout:
    server, load = cores()
    return Layout(name="one core", workers=1, server=frozenset({server}), load=frozenset({load}))


def two_workers() -> Layout:
    """On two processors; the load tool shares them where there are no others."""
    usable = sorted(os.sched_getaffinity(0))
    return Layout(
        name="two workers",
        workers=2,
        server=frozenset(usable[:2]),
        load=frozenset(usable[2:] or usable),
    )


def race(models: Models, headers: Headers) -> list[Case]:
    sides = race_sides(models["small"], headers)
    return [Case(side=side, layout=one_core(), connections=RACING) for side in sides]


def grid(models: Models, headers: Headers, connections: Sequence[int]) -> list[Case]:
    """The native route with each model in both layouts; the others beside it on one core."""
    sized = [models[size] for size in SIZES]
    everywhere = [native(model, headers) for model in sized]
    beside = [
        hello(models["small"]),
        of_default_model(models["small"], "/predict-sync (DRF)", "/predict-sync", headers),
        *(tutorial(model) for model in sized),
    ]
    places = [
        *((side, one_core()) for side in (*everywhere, *beside)),
        *((side, two_workers()) for side in everywhere),
    ]
    return [
        Case(side=side, layout=layout, connections=number)
        for number in connections
        for side, layout in places
    ]


def scaling(models: Models, headers: Headers) -> list[Case]:
    """One row of the small model and 32 of the large one, in both layouts."""
    sides = (
        of_default_model(models["small"], LANE, LANE, headers),
        native(models["large"], headers, rows=MANY),
    )
    return [
        Case(side=side, layout=layout, connections=RACING)
        for side in sides
        for layout in (one_core(), two_workers())
    ]
