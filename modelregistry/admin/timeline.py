"""Champion over time, as a step chart: its geometry here, the drawing in a template.

Across, in per cent of the width, runs time; down, in pixels, each version has a lane of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from unfold.admin import ModelAdmin

from modelregistry.admin.breakage import breakage_of
from modelregistry.admin.reading import named
from modelregistry.models import CHAMPION, AliasChange, RegisteredModel

LANE_PX = 28
MOST_LANES, MOST_STEPS = 12, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A time during which one version was champion."""

    number: int
    since: datetime
    until: datetime | None  # None: it is now
    begins: float  # per cent
    ends: float
    y: float  # of its lane's middle, in pixels
    from_y: float | None  # of the step before
    rolled_back: bool
    by: str
    reason: str

    @property
    def left(self) -> str:
        return f"{self.begins:.3f}%"

    @property
    def right(self) -> str:
        return f"{self.ends:.3f}%"

    @property
    def kind(self) -> str:
        return "rollback" if self.rolled_back else "promotion"

    @property
    def words(self) -> str:
        until = date_format(self.until, "DATETIME_FORMAT") if self.until else "now"
        lasted = timesince(self.since, self.until)
        how = "Rolled back" if self.rolled_back else "Promoted"
        return (
            f"Version {self.number}, {date_format(self.since, 'DATETIME_FORMAT')} to {until} "
            f"({lasted}). {how} by {self.by}. {self.reason}"
        ).rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    lanes: tuple[int, ...]  # version numbers, the highest on top
    steps: tuple[Step, ...]  # the oldest first
    earlier: int  # moves that are not drawn

    @property
    def height(self) -> int:
        return LANE_PX * len(self.lanes)

    @property
    def now(self) -> Step:
        return self.steps[-1]

    @property
    def rollbacks(self) -> int:
        return sum(step.rolled_back for step in self.steps)

    @property
    def middles(self) -> list[float]:
        return [_middle(place) for place in range(len(self.lanes))]


def timeline_of(model: RegisteredModel, now: datetime) -> Timeline | None:
    """None where nothing has been champion yet. The newest moves, as many as can be told apart."""
    moves = AliasChange.objects.filter(model=model, alias=CHAMPION).exclude(version=None)
    newest = moves.select_related("version", "actor").order_by("-at", "-pk")
    before, lines = _window(list(newest[: MOST_STEPS + 1]))
    if not lines:
        return None
    return drawn(lines, now, before=before, earlier=moves.count() - len(lines))


def _window(
    newest_first: Sequence[AliasChange],
) -> tuple[AliasChange | None, list[AliasChange]]:
    """The newest moves among at most MOST_LANES versions, the oldest first; and the one before."""
    kept: list[AliasChange] = []
    seen: set[int] = set()
    for line in newest_first:
        seen.add(_number(line))
        if len(seen) > MOST_LANES or len(kept) == MOST_STEPS:
            return line, kept[::-1]
        kept.append(line)
    return None, kept[::-1]


def drawn(
    lines: Sequence[AliasChange],
    now: datetime,
    *,
    before: AliasChange | None = None,
    earlier: int = 0,
) -> Timeline:
    """The chart of those moves, the oldest first, after the move `before`."""
    chart = _Chart(
        lanes=tuple(sorted({_number(line) for line in lines}, reverse=True)),
        first=lines[0].at,
        now=now,
    )
    around = zip([before, *lines], lines, [*lines[1:], None], strict=False)
    steps = tuple(chart.step(*moves) for moves in around)
    return Timeline(lanes=chart.lanes, steps=steps, earlier=earlier)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    lanes: tuple[int, ...]
    first: datetime
    now: datetime

    def step(
        self, before: AliasChange | None, line: AliasChange, after: AliasChange | None
    ) -> Step:
        until = after.at if after else None
        return Step(
            number=_number(line),
            since=line.at,
            until=until,
            begins=self._across(line.at),
            ends=self._across(until or self.now),
            y=self._down(line),
            from_y=self._down(before) if before and _number(before) in self.lanes else None,
            rolled_back=before is not None and line.back_to_id != before.pk,
            by=named(line.actor),
            reason=line.reason,
        )

    def _across(self, moment: datetime) -> float:
        whole = max((self.now - self.first).total_seconds(), 1e-6)
        return min(100 * (moment - self.first).total_seconds() / whole, 100.0)

    def _down(self, line: AliasChange) -> float:
        return _middle(self.lanes.index(_number(line)))


def _number(line: AliasChange) -> int:
    assert line.version is not None  # those were left out
    return line.version.number


def _middle(place: int) -> float:
    return LANE_PX * (place + 0.5)


class ChampionShown(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A base of the models' admin: its page draws champion over time, under a notice where the
    champion is broken.
    """

    change_form_outer_before_template = "admin/modelregistry/timeline.html"

    class Media:
        css = {"all": ("modelregistry/timeline.css",)}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        model = self.get_object(request, object_id)
        shown = timeline_of(model, timezone.now()) if model else None
        broken = breakage_of(model) if model else None
        context = {"timeline": shown, "broken": broken, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]
