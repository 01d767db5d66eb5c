"""What the dialog behind a version's Convert button asks, and how numbers are asked for."""

from typing import Literal, cast

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from modelregistry.conversion.options import (
    HIGHEST_OPSET,
    LADDER,
    LOWEST_OPSET,
    OPSET,
    Options,
    Precision,
)

PRECISIONS = [
    ("", "single, and double where single does not do"),
    ("FP32", "single only"),
    ("FP64", "double only"),
    ("FP64,FP32", "double, and single where double does not do"),
]


def number_as_text(inputmode: Literal["numeric", "decimal"]) -> UnfoldAdminTextInputWidget:
    """For numbers that may be left out: a browser's own field of numbers is sent as if nothing
    stood in it where it takes that for no number, and nobody would say so.
    """
    return UnfoldAdminTextInputWidget(attrs={"inputmode": inputmode, "autocomplete": "off"})


class ConversionForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    dtypes = forms.ChoiceField(
        required=False,
        label="Precision",
        choices=PRECISIONS,
        widget=UnfoldAdminSelectWidget,
    )
    opset = forms.IntegerField(
        required=False,
        label="Opset",
        min_value=LOWEST_OPSET,
        max_value=HIGHEST_OPSET,
        widget=number_as_text("numeric"),
        help_text=f"{LOWEST_OPSET} to {HIGHEST_OPSET}; {OPSET} where nothing is said.",
    )

    def options(self) -> Options | None:
        """None where nothing was chosen: then a form that is there is proved again."""
        words, opset = self.cleaned_data["dtypes"], self.cleaned_data["opset"]
        if not words and opset is None:
            return None
        dtypes = cast("tuple[Precision, ...]", tuple(words.split(",")) if words else LADDER)
        return Options(dtypes=dtypes, opset=opset)
