"""The walls between packages hold, and every one of them is seen to fall when it is broken."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.running import BASE_DIR

PACKAGES = ("mlapi", "predictions", "modelregistry", "jobs")
LINTER = Path(sys.executable).with_name("lint-imports")

# Contract -> plants: a file, and the line that is added to it.
PLANTS = {
    "Apps point one way: mlapi > predictions > modelregistry > jobs": [
        ("jobs/preconditions.py", "import modelregistry.errors"),
        ("modelregistry/errors.py", "import predictions.errors"),
        ("predictions/errors.py", "import mlapi.env"),
    ],
    "Inside jobs": [
        ("jobs/notify.py", "import jobs.dispatch"),
        ("jobs/stray.py", ""),
    ],
    "Inside modelregistry": [
        ("modelregistry/errors.py", "import modelregistry.services"),
        ("modelregistry/stray.py", ""),
    ],
    "Inside predictions": [
        ("predictions/serving/cost.py", "import predictions.lane.lane"),
        ("predictions/stray.py", ""),
    ],
    "Pure parts know no framework, not even indirectly": [
        ("predictions/serving/cost.py", "from django.db import models"),
        ("modelregistry/formats/rows.py", "def late():\n    import celery"),
        ("predictions/lane/lane.py", "import predictions.runtime"),
        ("jobs/outbound/client.py", "from django.conf import settings"),
    ],
    "ONNX Runtime appears in one file": [("predictions/services.py", "import onnxruntime")],
    "Only conversion and the intake child may unpickle": [
        ("modelregistry/services/promoting.py", "import pickle"),
        ("predictions/services.py", "def late():\n    import joblib"),
    ],
}


def lint(tree: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(LINTER), "--no-cache"], cwd=tree, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The packages and their contracts, to be spoilt."""
    for package in PACKAGES:
        unneeded = shutil.ignore_patterns("__pycache__", "static")
        shutil.copytree(BASE_DIR / package, tmp_path / package, ignore=unneeded)
    shutil.copy(BASE_DIR / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept(copied: Path) -> None:
    done = lint(copied)
    assert done.returncode == 0, done.stdout


def test_every_contract_has_a_plant() -> None:
    settings = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == PLANTS.keys()


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [(contract, *plant) for contract, plants in PLANTS.items() for plant in plants],
)
def test_a_planted_violation_is_caught(copied: Path, contract: str, file: str, line: str) -> None:
    with (copied / file).open("a") as module:
        module.write(f"\n{line}\n")
    done = lint(copied)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout, done.stdout
