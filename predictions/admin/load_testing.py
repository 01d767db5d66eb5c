"""A button on a model's page: a load test."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from jobs.panels import show_result
from modelregistry.models import RegisteredModel
from modelregistry.panels import ModelAction, register_action
from predictions.plots import load_test_context
from predictions.tasks import (
    LOAD_TEST,
    MOST_CONCURRENT,
    MOST_REQUESTS,
    MOST_ROWS_IN_A_REQUEST,
    LoadTestParams,
)


def whole_number(initial: int, most: int, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        min_value=1,
        max_value=most,
        initial=initial,
        help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget,
    )


class LoadTestForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    requests = whole_number(1000, MOST_REQUESTS, "How many to send.")
    concurrency = whole_number(32, MOST_CONCURRENT, "How many of them in flight.")
    rows = whole_number(1, MOST_ROWS_IN_A_REQUEST, "Rows in each request.")


def asked_load(model: RegisteredModel, answers: Mapping[str, Any]) -> dict[str, Any]:
    asked = (name for name in LoadTestParams.__struct_fields__ if name != "model")
    return {"model": model.name, **{name: answers[name] for name in asked}}


register_action(
    ModelAction(
        kind=LOAD_TEST,
        label="Load test",
        question="A worker sends requests to this server, and says how fast they were answered.",
        icon="speed",
        form=LoadTestForm,
        params=asked_load,
    )
)
show_result(kind=LOAD_TEST, template="admin/jobs/load_test.html", context=load_test_context)
