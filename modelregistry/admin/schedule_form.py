"""The form of a schedule: a rhythm in words, and by how much a new version has to win."""

import json
from typing import Any

from celery.schedules import ParseException
from django import forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django_celery_beat.models import CrontabSchedule, IntervalSchedule
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from modelregistry.admin.retraining import margin_field
from modelregistry.errors import RegistryError
from modelregistry.models import RETRAIN, ModelVersion, RegisteredModel, ScheduledRetraining
from modelregistry.retraining import check_retrainable

PERIODS = [("minutes", "minutes"), ("hours", "hours"), ("days", "days")]
LONGEST = 3650
PLACES = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
ONE_RHYTHM = "Fill in either a number of minutes, hours or days, or times as cron writes them."
NO_TIMES = (forms.ValidationError, ParseException, ValueError, LookupError, RuntimeError)


def model_field(user: AbstractBaseUser | AnonymousUser) -> forms.ModelChoiceField:  # type: ignore[type-arg]  # at runtime it takes none
    """The models that they see."""
    return forms.ModelChoiceField(
        label="Model",
        queryset=RegisteredModel.objects.visible_to(user).filter(archived_at=None),
        widget=UnfoldAdminSelectWidget,
        help_text="It learns from the rows that were handed in with the version that serves.",
    )


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # at runtime it takes none
    """Says in words what the row keeps as JSON and as rows of other tables."""

    retrained = model_field(AnonymousUser())  # the page makes a form of its own of every request
    every = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How many of them: every 6 hours, every 7 days.",
    )
    period = forms.ChoiceField(
        label="Unit", choices=PERIODS, initial="days", widget=UnfoldAdminSelectWidget
    )
    at = forms.CharField(
        label="Or at",
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=(
            "Minute, hour, day of the month, month, day of the week as cron writes them, in UTC: "
            "30 3 * * 1 is Mondays at 3:30."
        ),
    )
    promote_if_better_by = margin_field()
    enabled = forms.BooleanField(required=False, initial=True, widget=UnfoldBooleanSwitchWidget)

    class Meta:
        model = ScheduledRetraining
        fields = ("enabled",)

    may_promote = False  # which says these, too
    refusal = ""  # why the model that was chosen cannot be retrained

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        if instance is not None:
            self.before = instance.said
            kwargs["initial"] = {**_told(instance), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def clean_at(self) -> CrontabSchedule | None:
        text: str = self.cleaned_data["at"]
        return _crontab(text) if text.split() else None

    def clean_promote_if_better_by(self) -> float | None:
        margin: float | None = self.cleaned_data["promote_if_better_by"]
        if margin is not None and not self.may_promote:
            raise forms.ValidationError("You may not let a version serve: leave this empty.")
        return margin

    def clean_retrained(self) -> RegisteredModel:
        model: RegisteredModel = self.cleaned_data["retrained"]
        if self.refusal:
            raise forms.ValidationError(self.refusal)
        return model

    def clean(self) -> dict[str, Any]:
        answers: dict[str, Any] = super().clean() or {}
        every, at = answers.get("every"), answers.get("at")
        if not self.errors and (every is None) == (at is None):
            raise forms.ValidationError(ONE_RHYTHM)
        if not self.errors:
            self._fill(answers)
            self._check_new()
        return answers

    def validate_unique(self) -> None:
        """Not beside what is wrong already: a row that is not filled in has no rhythm to beat."""
        if not self.errors:
            super().validate_unique()

    def _fill(self, answers: dict[str, Any]) -> None:
        """The row as beat reads it."""
        row, margin = self.instance, answers["promote_if_better_by"]
        params = {"model": answers["retrained"].name}
        row.kwargs = json.dumps(params if margin is None else {**params, **_margin(margin)})
        row.task, row.args, row.description = RETRAIN, "[]", ""
        row.crontab = row.interval = None
        if answers["at"] is not None:
            row.crontab = answers["at"]
        else:
            row.interval = _interval(answers["every"], answers["period"])
        row.name = f"{row.model_name}, {row.rhythm}"[:200]

    def _check_new(self) -> None:
        others = ScheduledRetraining.objects.filter(name=self.instance.name)
        if others.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("There is a schedule of this model at these times already.")


def refusal_of(chosen: str | None, user: AbstractBaseUser | AnonymousUser) -> str:
    """Why the model that this choice of the form names cannot be retrained; empty where it can be,
    and where it names none, which the form says.
    """
    try:
        model = model_field(user).clean(chosen)
        check_retrainable(ModelVersion.objects.find(model.name), taught=False)
    except forms.ValidationError:
        return ""
    except RegistryError as error:
        return str(error)
    return ""


def _margin(margin: float) -> dict[str, float]:
    return {"promote_if_better_by": margin}


def _told(row: ScheduledRetraining) -> dict[str, Any]:
    """The answers that made this row."""
    told: dict[str, Any] = {
        "retrained": RegisteredModel.objects.filter(name=row.model_name).first(),
        "promote_if_better_by": row.margin,
    }
    if row.crontab:
        told["at"] = " ".join(getattr(row.crontab, place) for place in PLACES)
    elif row.interval:
        told |= {"every": row.interval.every, "period": row.interval.period}
    return told


def _interval(every: int, period: str) -> IntervalSchedule:
    """One row for all schedules of the same rhythm."""
    found = IntervalSchedule.objects.filter(every=every, period=period).first()
    return found or IntervalSchedule(every=every, period=period)


def _crontab(text: str) -> CrontabSchedule:
    """One row for all schedules of the same times. Raises ValidationError."""
    parts = text.split()
    if len(parts) != len(PLACES) or not text.isascii():
        raise forms.ValidationError("It takes five places: 30 3 * * 1 is Mondays at 3:30.")
    facts = dict(zip(PLACES, parts, strict=True))
    new = CrontabSchedule(**facts)
    try:
        new.clean_fields()
        new.schedule.is_due(new.schedule.now())  # a day that never comes has no next time
    except NO_TIMES as error:
        raise forms.ValidationError("These are no times as cron writes them.") from error
    return CrontabSchedule.objects.filter(**facts, timezone=new.timezone).first() or new
