"""Every row that comes with a model is put to it first: what it cannot answer is refused by number,
and nothing is left of the registration."""

import numpy as np
import pytest
from django.conf import LazySettings
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelregistry import services
from modelregistry.errors import RefusedFile
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import save_estimator
from modelregistry.intake.tables import read_csv
from modelregistry.models import ModelVersion, RegisteredModel
from tests.modelregistry.onnx_files import doubling, looking_up, reshaping
from tests.modelregistry.trained import ROWS, SAMPLES, TARGETS, tree_file

pytestmark = [pytest.mark.django_db, pytest.mark.database]

KINDS = np.array([["a"], ["b"]] * 10, dtype=object)


def strict_encoder() -> bytes:
    """Knows the words a and b, and refuses all others."""
    return save_estimator(
        make_pipeline(OneHotEncoder(), LogisticRegression()).fit(KINDS, [0, 1] * 10)
    )


def logistic() -> bytes:
    return save_estimator(LogisticRegression(max_iter=1000).fit(ROWS, TARGETS))


def register(data: bytes, samples: Rows | None = None, heldout: Rows | None = None) -> ModelVersion:
    return services.register_version(
        model_name="plants", data=data, samples=samples, heldout=heldout, create_missing=True
    )


def refusal(data: bytes, samples: Rows | None = None, heldout: Rows | None = None) -> str:
    with pytest.raises(RefusedFile) as refused:
        register(data, samples, heldout)
    assert not ModelVersion.objects.exists()
    assert not RegisteredModel.objects.exists()
    return str(refused.value)


def test_a_gap_in_a_later_row_is_refused_with_its_number_and_column() -> None:
    samples = read_csv(b"a,b,c,d\n5,3,1,0\n6,3,5,2\n5,3,,0\n")
    assert refusal(logistic(), samples) == (
        "The model cannot answer row 3 of the sample rows: it has no value for c."
    )


def test_an_unknown_category_in_a_later_row_is_refused_without_repeating_it() -> None:
    samples = Rows.of(np.vstack([KINDS, [["zebra"]], KINDS]), columns=["kind"])
    said = refusal(strict_encoder(), samples)
    assert "row 21 of the sample rows: a value in it is none that the model takes" in said
    assert "zebra" not in said


def test_held_out_rows_are_tried_too() -> None:
    heldout = Rows(columns=SAMPLES.columns, values=((1.0, 2.0, 3.0, 4.0), (1.0, None, 3.0, 4.0)))
    assert "row 2 of the held-out rows" in refusal(logistic(), SAMPLES, heldout)


def test_held_out_targets_of_another_kind_are_refused() -> None:
    heldout = Rows.of(ROWS[:3], targets=np.array(["x", "y", "z"]))
    regression = save_estimator(LinearRegression().fit(ROWS, TARGETS))
    assert "targets of the held-out rows" in refusal(regression, SAMPLES, heldout)


def test_a_model_that_answers_no_row_made_for_it_asks_for_samples() -> None:
    broken = make_pipeline(StandardScaler().fit(ROWS), LinearRegression().fit(ROWS[:, :3], TARGETS))
    assert "Hand in sample rows that it can answer" in refusal(save_estimator(broken))


def test_a_conversion_that_breaks_off_leaves_no_version(settings: LazySettings, tmp_path) -> None:
    settings.ARTIFACT_DIR = tmp_path / "whole"
    onnx_sha256 = register(tree_file(), SAMPLES).onnx_sha256
    settings.ARTIFACT_DIR = tmp_path / "broken"
    settings.ARTIFACT_DIR.mkdir()
    (settings.ARTIFACT_DIR / onnx_sha256[:2]).write_text("where the ONNX file's folder should be")
    with pytest.raises(FileExistsError):
        register(tree_file(), SAMPLES)
    assert [version.number for version in ModelVersion.objects.all()] == [1]


def test_an_onnx_file_that_fails_on_every_row_is_refused() -> None:
    assert "ONNX Runtime cannot run it" in refusal(reshaping(-1, 3))


@pytest.mark.parametrize("shape", [(1, -1), (-1,), (-1, 1)])
def test_an_onnx_file_that_does_not_answer_row_by_row_is_refused(shape: tuple[int, ...]) -> None:
    samples = Rows.of(ROWS, columns=["a0", "a1", "a2", "a3"])
    assert "does not have one entry for every row" in refusal(reshaping(*shape))
    assert "does not have one entry for every row" in refusal(reshaping(*shape), samples)


def test_an_onnx_file_is_run_on_its_samples() -> None:
    fitting = Rows(columns=("a",), values=((0,), (4,)))
    assert register(looking_up(5), fitting).input_example == {"a": 0}
    ModelVersion.objects.all().delete()
    RegisteredModel.objects.all().delete()
    beyond = Rows(columns=("a",), values=((0,), (4,), (5,), (1,)))
    assert "row 3 of the sample rows" in refusal(looking_up(5), beyond)


@pytest.mark.parametrize("value", [None, "word"])
def test_samples_that_an_onnx_files_datatypes_cannot_hold_are_refused(value: object) -> None:
    samples = Rows(columns=("a",), values=((1,), (value,)))
    assert "row 2 of the sample rows" in refusal(looking_up(5), samples)


def test_a_strict_encoder_that_came_as_onnx_is_taken_though_it_refuses_a_blank_row() -> None:
    samples = Rows.of(KINDS, columns=["kind"])
    converted = services.store().read(register(strict_encoder(), samples).onnx_sha256)
    version = services.register_version(model_name="foreign", data=converted, create_missing=True)
    assert (version.state, version.input_example) == ("ready", {"kind": ""})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (doubling(a=["n", "m"]), "how many values a row has"),
        (doubling(a=["n", "n"]), "how many values a row has"),
        (doubling(a=[]), "no dimension for rows"),
        (doubling(a=["n", 2], b=["n", "m"]), "how many values a row has"),
        (doubling(a=["n", 2**40]), "over 100000 values"),
    ],
)
def test_inputs_that_the_server_cannot_ask_are_refused(data: bytes, said: str) -> None:
    assert said in refusal(data)
