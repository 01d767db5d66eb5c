"""A web process that runs ONNX never pays for scikit-learn or the converter."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression

HEAVY = ("sklearn", "skops", "skl2onnx", "scipy", "joblib", "onnx")
OPEN_AND_RUN = """
import sys
from pathlib import Path
import numpy as np
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.onnx_format import open_onnx
data = Path(sys.argv[1]).read_bytes()
runtime = open_runtime("onnx", data, signature=open_onnx(data).signature)
runtime.run({"X": np.ones((2, 2), np.float32)}, ["variable"])
print(*[name for name in sys.argv[2:] if name in sys.modules])
"""
SERVE = """
import sys
import django
django.setup()
import modelregistry.admin, modelregistry.services, modelregistry.urls, mlapi.asgi
print(*[name for name in sys.argv[1:] if name in sys.modules])
"""


def run(program: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True, text=True, check=True, timeout=110,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "mlapi.settings"},
    )  # fmt: skip
    return done.stdout.strip()


def test_running_an_onnx_model_loads_no_training_library(tmp_path: Path) -> None:
    model = LinearRegression().fit([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0])
    path = tmp_path / "model.onnx"
    initial = np.zeros((1, 2), np.float32)
    path.write_bytes(to_onnx(model, initial).SerializeToString())
    assert run(OPEN_AND_RUN, str(path), *HEAVY) == ""


def test_the_web_application_loads_no_training_library() -> None:
    assert run(SERVE, *HEAVY) == ""
