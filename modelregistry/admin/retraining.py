"""The button that has a model fitted anew, and what it asks before."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.forms import BaseDialogForm

from modelregistry.admin.asking import number_as_text
from modelregistry.models import RETRAIN, RegisteredModel
from modelregistry.panels import ModelAction, register_action
from modelregistry.permissions import PROMOTE

QUESTION = (
    "A worker fits the model anew on the rows that were handed in with the version that serves, or "
    "with the newest where none does (its page says how many), measures both, and registers a new "
    "version. Rows in a file: manage.py retrain_model --rows, or the REST API."
)


def margin_field() -> forms.FloatField:
    return forms.FloatField(
        label="Promote if better by",
        required=False,
        min_value=0,
        widget=number_as_text("decimal"),
        help_text=(
            "Empty: you decide later whether it serves. A number: it serves by itself where its "
            "accuracy, or a regressor's R2, on the held-out rows is higher than the champion's by "
            "at least that much: 0.01 is one percentage point, 0 lets in what is no worse."
        ),
    )


class RetrainForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    promote_if_better_by = margin_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.request.user.has_perm(PROMOTE):
            del self.fields["promote_if_better_by"]


def asked_retraining(model: RegisteredModel, answers: Mapping[str, Any]) -> dict[str, Any]:
    margin = answers.get("promote_if_better_by")
    promoting = {} if margin is None else {"promote_if_better_by": margin}
    return {"model": model.name, **promoting}


register_action(
    ModelAction(
        kind=RETRAIN,
        label="Retrain",
        question=QUESTION,
        icon="model_training",
        form=RetrainForm,
        params=asked_retraining,
        makes_version=True,
    )
)
