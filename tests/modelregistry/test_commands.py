"""The registry's commands: what they print, their exit codes, and one line for every fault."""

import json
import pickle
from io import StringIO
from pathlib import Path

import joblib
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from modelregistry.formats.onnx_format import open_onnx
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.ingestion.opening import describe_estimator
from modelregistry.models import Alias, ModelVersion, RegisteredModel
from tests.modelregistry.trained import (
    ROWS,
    centroid_file,
    centroid_version,
    onnx_file,
    tree_file,
    tree_version,
)
from tests.running import manage

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tree.skops").write_bytes(tree_file())
    (tmp_path / "named-wrongly.onnx").write_bytes(tree_file())
    (tmp_path / "tree.onnx").write_bytes(onnx_file())
    (tmp_path / "centroid.skops").write_bytes(centroid_file())
    joblib.dump(DecisionTreeClassifier().fit(*load_iris(return_X_y=True)), tmp_path / "tree.joblib")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    lines = ["a,b,c,d,kind", *(f"{','.join(map(str, row))},0" for row in ROWS[:50].tolist())]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    (tmp_path / "inputs.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines))
    return tmp_path


def run(*words: object) -> tuple[int, str]:
    """Exit code and standard output of a command that succeeds or finds a mismatch."""
    out = StringIO()
    try:
        call_command(*map(str, words), stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def fault(*words: object) -> str:
    """The one line with which a command refuses."""
    with pytest.raises(CommandError) as refused:
        call_command(*map(str, words), stdout=StringIO())
    return str(refused.value)


def test_a_file_is_registered_and_promoted(folder: Path) -> None:
    code, out = run(
        "register_model", folder / "tree.skops", "--model", "plants", "--promote",
        "--samples", folder / "rows.csv", "--target", "kind",
    )  # fmt: skip
    assert code == 0
    assert out.splitlines() == [
        "plants:1 ready on ONNX Runtime, parity match over 50 rows, largest difference 0",
        "plants:1 serves now.",
    ]
    assert [live.version for live in Alias.objects.champions()] == [1]


def test_the_column_that_a_model_does_not_know_by_name_may_be_its_target() -> None:
    tree = DecisionTreeClassifier().fit(*load_iris(return_X_y=True))
    tree.feature_names_in_ = np.array(list("abcd"), dtype=object)
    rows = Rows.of(np.ones((3, 5)), columns=("kind", *"abcd"))
    with pytest.raises(FormatError, match="If kind holds the expected answers"):
        describe_estimator(tree, samples=rows)


def test_what_a_command_prints_is_not_logged_beside_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run("register_model", folder / "tree.skops", "--model", "plants", "--promote")
    run("promote_model", "plants:1")
    run("convert_onnx", "plants:1")
    assert caplog.records == []
    tree_version("others")  # what is not told by a command is logged as ever
    assert [record.getMessage() for record in caplog.records] == [
        "others:1 registered by the operator"
    ]


def test_content_counts_and_not_the_name(folder: Path) -> None:
    run("register_model", folder / "named-wrongly.onnx", "--model", "plants")
    run("register_model", folder / "tree.onnx", "--model", "plants")
    formats = ModelVersion.objects.order_by("number").values_list("format", flat=True)
    assert list(formats) == ["skops", "onnx"]


def test_a_model_without_onnx_form_says_so(folder: Path) -> None:
    _, out = run("register_model", folder / "centroid.skops", "--model", "plants")
    assert "plants:1 ready on scikit-learn, parity none" in out
    assert "No ONNX form: The step NearestCentroid cannot be expressed" in out


@pytest.mark.parametrize("name", ["tree.joblib", "list.pkl"])
def test_a_pickle_is_refused_with_the_two_lines(folder: Path, name: str) -> None:
    said = fault("register_model", folder / name, "--model", "plants")
    assert said.splitlines()[-2:] == ["import skops.io", "skops.io.dump(model, 'model.skops')"]
    assert not RegisteredModel.objects.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["register_model", "missing.skops", "--model", "m"], "No such file"),
        (["register_model", "tree.skops", "--model", "Not A Name"], "A model's name has"),
        (["register_model", "tree.skops"], "--model"),
        (["register_model", "rows.csv", "--model", "m"], "This is a text file"),
        (["register_model", "tree.skops", "--model", "m", "--samples", "no.csv"], "No such file"),
        (
            ["register_model", "tree.skops", "--model", "m", "--samples", "rows.csv"],
            "have 5 columns, the model takes 4. If kind holds the expected answers, name it as",
        ),
        (
            ["register_model", "tree.skops", "--model", "m", "--target", "kind"],
            "--target names a column of --samples: give both.",
        ),
        (["promote_model", "plants"], "Name the version"),
        (["promote_model", "plants:1"], "There is no model plants"),
        (["promote_model", "plants:x"], "no version number"),
        (["convert_onnx"], "Name either"),
        (["convert_onnx", "plants", "--file", "tree.skops", "--output", "o"], "Name either"),
        (["convert_onnx", "plants:2"], "There is no model plants"),
        (["convert_onnx", "plants", "--output", "o"], "belong to --file"),
        (["convert_onnx", "--file", "tree.skops"], "--output"),
        (["convert_onnx", "--file", "tree.onnx", "--output", "o"], "came as ONNX"),
        (["convert_onnx", "--file", "tree.joblib", "--output", "o"], "pickle or joblib"),
        (["convert_onnx", "--file", "tree.joblib", "--output", "o"], "add --trust-pickle"),
        (["convert_onnx", "--file", "list.pkl", "--output", "o"], "whatever code it holds"),
        (
            ["convert_onnx", "--file", "list.pkl", "--output", "o", "--trust-pickle"],
            "no scikit-learn estimator",
        ),
        (["convert_onnx", "--file", "tree.skops", "--output", "no/such/folder/o"], "cannot be"),
    ],
)
def test_every_wrong_argument_is_one_clear_line(
    folder: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    refused = fault(*words)
    assert said in refused
    assert "Traceback" not in refused


def test_a_registered_version_is_converted_again_with_its_proof() -> None:
    tree_version()
    code, out = run("convert_onnx", "plants:1")
    assert code == 0
    assert "Rows compared: 150 samples" in out
    assert "First predictions, scikit-learn: [0, 0, 0, 0, 0]" in out
    assert "First predictions, ONNX:         [0, 0, 0, 0, 0]" in out
    assert out.splitlines()[-1] == "Match: True"


def test_without_a_number_the_champion_is_meant_or_the_newest() -> None:
    tree_version(depth=1)
    tree_version(depth=2)
    assert json.loads(run("convert_onnx", "plants", "--json")[1])["version"] == "plants:2"
    run("promote_model", "plants:1")
    assert json.loads(run("convert_onnx", "plants", "--json")[1])["version"] == "plants:1"


def test_no_match_is_exit_code_one_with_the_reason() -> None:
    centroid_version()
    code, out = run("convert_onnx", "plants")
    assert code == 1
    assert "NearestCentroid" in out
    assert out.splitlines()[-1] == "Match: False"


@pytest.mark.parametrize("name", ["tree.skops", "tree.joblib"])
def test_a_file_is_converted_alone(folder: Path, name: str) -> None:
    output = folder / "out.onnx"
    code, out = run(
        "convert_onnx", "--file", folder / name, "--output", output,
        "--input-example", folder / "inputs.csv", "--json",
        *(["--trust-pickle"] if name.endswith("joblib") else []),
    )  # fmt: skip
    report = json.loads(out)
    assert code == 0
    assert (report["match"], report["rows"], report["rows_from"]) == (True, 50, "samples")
    runtime = open_onnx(output.read_bytes())
    (label,) = runtime.run({"X": ROWS[:3].astype(np.float32)}, ["label"])
    assert label.tolist() == [0, 0, 0]
    assert not RegisteredModel.objects.exists()


def test_a_conversion_without_example_rows_says_that_it_made_some(folder: Path) -> None:
    _, out = run("convert_onnx", "--file", folder / "tree.skops", "--output", folder / "out.onnx")
    assert "Rows compared: 256 generated" in out


def test_a_refusal_reaches_the_shell_as_one_line_and_exit_code_one(
    installed: Path, folder: Path
) -> None:
    done = manage(installed, "register_model", str(folder / "list.pkl"), "--model", "m")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("CommandError: This is a pickle or joblib file.")
    assert "Traceback" not in done.stderr
