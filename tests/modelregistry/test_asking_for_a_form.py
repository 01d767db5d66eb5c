"""Options of a conversion come through every door, and only where there is something to choose."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from jobs import kinds
from jobs.errors import WrongParams
from jobs.models import Job
from modelregistry import services
from modelregistry.conversion.options import Options
from modelregistry.errors import NotConvertible
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.tasks.converting import CONVERT, ConvertParams, conversion_of
from tests.modelregistry.trained import centroid_version, regression_file, tree_version

pytestmark = pytest.mark.django_db
SUBMITTED = {"_form_submitted": "on"}
KEEPS = "plants:1 has an ONNX form and keeps it"


def unconverted() -> ModelVersion:
    """A version whose ONNX form is still to be made."""
    version = services.register_version(
        model_name="line", data=regression_file(), create_missing=True
    )
    ModelVersion.objects.filter(pk=version.pk).update(
        onnx_sha256="", onnx_size=None, runtime="sklearn"
    )
    return ModelVersion.objects.get(pk=version.pk)


def another() -> ModelVersion:
    return services.register_version(model_name="line", data=regression_file())


def test_a_version_without_a_form_gets_the_one_that_was_asked_for() -> None:
    done = services.convert(version=unconverted(), options=Options(dtypes=("FP64",), opset=17))
    assert done.version.signature["inputs"][0]["datatype"] == "FP64"
    assert done.parity.form is not None
    assert (done.parity.form.dtype, done.parity.form.opset <= 17) == ("FP64", True)


@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_what_an_alias_points_to_does_not_change_what_it_answers(alias: str) -> None:
    version = unconverted()
    services.move_alias(version=version, alias=alias)
    with pytest.raises(NotConvertible, match=f"line:1 answers as {alias} from its source"):
        services.convert(version=version)
    services.move_alias(version=another(), alias=alias)
    assert services.convert(version=version).version.runtime == "onnx"


def test_an_alias_that_comes_while_it_is_converted_keeps_the_version_as_it_is() -> None:
    version = unconverted()

    def promoted_meanwhile(step: str) -> None:
        if step == "prove":
            services.promote(version=version)

    done = services.convert(version=version, step=promoted_meanwhile)
    assert done.parity.matches
    assert (done.version.runtime, done.version.onnx_sha256) == ("sklearn", "")


def test_a_conversion_that_fails_leaves_a_ready_version_as_it_is() -> None:
    version = unconverted()
    RegisteredModel.objects.update(tolerance=0.0)
    before = ModelVersion.objects.values().get(pk=version.pk)
    done = services.convert(version=version, options=Options(dtypes=("FP32",)))
    assert not done.parity.matches
    assert done.reason
    assert ModelVersion.objects.values().get(pk=version.pk) == before


def test_a_version_that_has_a_form_keeps_it_and_says_so() -> None:
    version = tree_version()
    with pytest.raises(NotConvertible, match=KEEPS):
        services.convert(version=version, options=Options())
    with pytest.raises(NotConvertible, match=KEEPS):
        conversion_of(version, Options(opset=17))
    assert services.convert(version=version).parity.matches


def test_a_job_takes_them_as_json() -> None:
    version = unconverted()
    asked = conversion_of(version, Options(dtypes=("FP64",), opset=17))
    params, kept = kinds.find(CONVERT).decode(asked)
    assert isinstance(params, ConvertParams)
    assert params.options == Options(dtypes=("FP64",), opset=17)
    assert kept["options"] == {"dtypes": ["FP64"], "opset": 17}
    assert conversion_of(version) == {"model": "line", "version": 1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"opset": 99}, "opset is a whole number from 9 to 22"),
        ({"dtypes": []}, "dtypes are FP32, FP64 or both"),
        ({"dtypes": ["FP16"]}, "a word is not one of those it takes"),
        ({"precision": "FP32"}, "a name too many"),
    ],
)
def test_a_job_refuses_what_cannot_be_asked_for(options: dict[str, object], said: str) -> None:
    with pytest.raises(WrongParams, match=said):
        kinds.find(CONVERT).decode({"model": "line", "version": 1, "options": options})


def test_the_command_takes_them(tmp_path: Path) -> None:
    file, output, out = tmp_path / "line.skops", tmp_path / "line.onnx", StringIO()
    file.write_bytes(regression_file())
    words = ["--file", str(file), "--output", str(output), "--dtypes", "fp64,fp32", "--opset", "17"]
    call_command("convert_onnx", *words, "--json", stdout=out)
    form = json.loads(out.getvalue())["form"]
    assert (form["dtype"], form["opset"] <= 17, form["onnx_bytes"]) == (
        "FP64", True, output.stat().st_size,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dtypes", "FP16"], "dtypes are FP32, FP64 or both"),
        (["--opset", "7"], "opset is a whole number from 9 to 22"),
    ],
)
def test_the_command_says_in_one_line_what_cannot_be_asked_for(words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("convert_onnx", "plants:1", *words, stdout=StringIO())


def test_the_command_says_that_a_form_is_kept() -> None:
    tree_version()
    with pytest.raises(CommandError, match=KEEPS):
        call_command("convert_onnx", "plants:1", "--opset", "17", stdout=StringIO())


@pytest.fixture
def chief() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("chief"))
    return client


def press_convert(client: Client, version: ModelVersion, **answers: str) -> str:
    """The messages of the next page."""
    page = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    answer = client.post(page.replace("change", "convert"), {**SUBMITTED, **answers})
    assert answer.status_code in (200, 302)
    return client.get(page).content.decode()


def test_the_admins_dialog_asks_for_them(chief: Client) -> None:
    version = centroid_version()
    page = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    dialog = chief.get(page.replace("change", "convert")).content.decode()
    assert "double only" in dialog
    assert "9 to 22; 21 where nothing is said." in dialog


def test_the_admins_dialog_starts_the_job_with_them(chief: Client) -> None:
    press_convert(chief, centroid_version(), dtypes="FP64", opset="17")
    job = Job.objects.get(kind=CONVERT)
    assert job.params["options"] == {"dtypes": ["FP64"], "opset": 17}


def test_the_admins_dialog_left_as_it_is_proves_again(chief: Client) -> None:
    press_convert(chief, tree_version(), dtypes="", opset="")
    assert Job.objects.get(kind=CONVERT).params.get("options") is None


def test_the_admin_says_that_a_form_is_kept(chief: Client) -> None:
    assert KEEPS in press_convert(chief, tree_version(), dtypes="FP64", opset="")
    assert not Job.objects.exists()
