"""The page where staff hand in a model file: a new model's first, or one more of a model's."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from jobs.errors import KeyReused
from jobs.models import Job
from modelregistry import services
from modelregistry.admin.reading import acting
from modelregistry.admin.starting import found
from modelregistry.errors import RefusedFile, RefusedRows, RegistryError, UnknownModel
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.models.names import LONGEST_TEXT, NAME
from modelregistry.permissions import ADD_MODEL, HAND_IN

SKOPS_BY = "<code>import skops.io</code> and <code>skops.io.dump(model, 'model.skops')</code>"
NO_PICKLE = (
    "A .skops or an .onnx file. A pickle or joblib file runs whatever code is in it as it is "
    "opened, so none is taken; where the model was trained, two lines make a .skops file of it: "
    f"{SKOPS_BY}."
)
PICKLE_TOO = (
    "A .skops or an .onnx file. A pickle or joblib file is taken here, too, and saved as another "
    "one; the code in it is run, in a process of its own. A .skops file runs none: it is made by "
    f"{SKOPS_BY}."
)
BY_SCRIPT = "X-Requested-With"  # then the script goes to the next page, not the request


class FileField(forms.FileField):
    def __init__(self, *, accept: str, **options: Any) -> None:
        attrs = {"accept": accept, "class": "hand-in-file"}
        super().__init__(widget=forms.FileInput(attrs=attrs), **options)


class VersionForm(forms.Form):
    """What is needed of a model that is there already."""

    file = FileField(
        label="Model file",
        accept=".skops,.onnx",
        help_text=NO_PICKLE,
    )
    samples = FileField(
        label="Sample rows",
        accept=".csv,.jsonl,.ndjson,.parquet",
        required=False,
        help_text=(
            "CSV, JSON lines or Parquet, with named columns. The ONNX form is compared with the "
            "model on these rows; without them, on rows made up. They are kept with the version."
        ),
    )
    target = forms.CharField(
        label="Target column",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=(
            "The column of the sample rows that holds the expected answers. It is left out of the "
            "comparison, and the model can be retrained on these rows."
        ),
    )
    once = forms.UUIDField(widget=forms.HiddenInput)  # the same form makes one version

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if settings.MLAPI.allow_pickle:
            self.fields["file"].help_text = PICKLE_TOO
            self.fields["file"].widget.attrs["accept"] += ",.pkl,.pickle,.joblib"

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("target") and not self.cleaned_data.get("samples"):
            self.add_error("samples", "Add the sample rows that have this target column.")
        return self.cleaned_data

    def upload(self) -> services.Upload:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        samples: UploadedFile[bytes] | None = self.cleaned_data["samples"]
        return services.Upload(
            source=file.chunks(),
            samples=samples.chunks() if samples else None,
            target=self.cleaned_data["target"],
            metadata={},
        )


class NamedForm(VersionForm):
    """And of one that the page does not say."""

    name = forms.CharField(
        label="Model",
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        validators=[
            RegexValidator(
                NAME, "Use a-z, 0-9, dot, dash and underscore; begin with a letter or digit."
            )
        ],
        help_text="Of a model that is here already; this becomes its next version.",
    )
    field_order: tuple[str, ...] = ("name", "file", "samples", "target")


class ModelForm(NamedForm):
    """And of one that may be new."""

    description = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="What a new model is for.",
    )
    field_order = ("name", "file", "samples", "target", "description")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].help_text = (
            "By which it is asked for predictions. Of a model that is here already, this becomes "
            "the next version."
        )

    def clean(self) -> dict[str, Any]:
        """The same form sent twice finds the model that it has made."""
        given = super().clean()
        words, there = (
            given.get("description"),
            RegisteredModel.objects.filter(name=given.get("name")),
        )
        if words and there.exclude(description=words).exists():
            self.add_error(
                "description",
                "This model is here already. What it is for is changed on its own page.",
            )
        return given


class HandsIn:
    """Mixed into the models' admin, which is unfold's ModelAdmin besides."""

    def has_hand_in_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm(HAND_IN)

    @action(  # type: ignore[untyped-decorator]
        description="Hand in a model",
        url_path="hand-in",
        permissions=["hand_in"],
        icon="upload_file",
    )
    def hand_in_model(self, request: HttpRequest) -> HttpResponse:
        return _answer(self, request, None)

    @action(  # type: ignore[untyped-decorator]
        description="Hand in a version",
        url_path="hand-in",
        permissions=["hand_in"],
        icon="upload_file",
    )
    def hand_in_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return _answer(self, request, found(self, request, object_id))  # type: ignore[arg-type]


def _answer(page: Any, request: HttpRequest, model: RegisteredModel | None) -> HttpResponse:
    kind = VersionForm if model else _named_form(request)
    if request.method != "POST":
        return _shown(page, request, kind(initial={"once": uuid.uuid4()}), model)
    form = kind(request.POST, request.FILES)
    version = _handed_in(request, form, model) if form.is_valid() else None
    if version is None:
        return _shown(page, request, form, model)
    words = f"{version} is handed in. Its file is checked now; this page follows."
    page.message_user(request, words, messages.SUCCESS)
    address = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    if BY_SCRIPT in request.headers:
        return HttpResponse(status=201, headers={"Location": address})
    return HttpResponseRedirect(address)


def _named_form(request: HttpRequest) -> type[NamedForm]:
    return ModelForm if request.user.has_perm(ADD_MODEL) else NamedForm


def _handed_in(
    request: HttpRequest, form: VersionForm, model: RegisteredModel | None
) -> ModelVersion | None:
    """The version; None where the form says why there is none."""
    given = form.cleaned_data
    beside = None if model else "name"  # a form of a model's own page has no such field
    try:
        return services.hand_in(
            model_name=model.name if model else given["name"],
            upload=form.upload(),
            actor=acting(request),
            origin=Job.Origin.ADMIN,
            idempotency_key=f"form {given['once']}",
            new_model=_new_model(form),
        )
    except UnknownModel as error:
        form.add_error(beside, f"{error} You may not make new ones.")
    except RefusedFile as refusal:
        form.add_error("samples" if isinstance(refusal, RefusedRows) else "file", str(refusal))
    except RegistryError as error:
        form.add_error(beside, str(error))
    except KeyReused:
        form.add_error(None, "This form has handed in something else before. Open it anew.")
    return None


def _new_model(form: VersionForm) -> dict[str, str] | None:
    """What is said of the model where it is made; None for who may make none."""
    if not isinstance(form, ModelForm):
        return None
    return {"description": form.cleaned_data["description"]}


def _shown(
    page: Any, request: HttpRequest, form: VersionForm, model: RegisteredModel | None
) -> TemplateResponse:
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": model,
        "title": f"Hand in a version of {model.name}" if model else "Hand in a model",
        "form": form,
        "most_bytes": settings.LARGEST_UPLOAD,
    }
    return TemplateResponse(request, "admin/modelregistry/hand_in.html", context)
