"""A model's own budget decides whether an ONNX form is kept; the report says which it was."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modelregistry import services
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import save_estimator
from modelregistry.models import ModelVersion, RegisteredModel

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def flipping() -> tuple[bytes, Rows]:
    """A scaled tree, and rows on its splits: some labels flip in single precision."""
    random = np.random.default_rng(0)
    seen = random.integers(0, 20, (300, 3)) * 0.1
    tree = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0))
    tree.fit(seen, random.integers(0, 2, 300))
    rows = random.integers(0, 40, (300, 3)) * 0.05
    return save_estimator(tree), Rows.of(rows)


def registered(**budget: float) -> ModelVersion:
    services.create_model(name="grid", task="classification")
    RegisteredModel.objects.filter(name="grid").update(**budget)
    data, rows = flipping()
    return services.register_version(model_name="grid", data=data, samples=rows)


def test_without_a_budget_of_its_own_no_label_may_flip_and_the_reason_says_so() -> None:
    version = registered()
    assert (version.runtime, version.parity["status"]) == ("sklearn", "mismatch")
    assert version.reason.startswith("In single precision ")
    assert version.reason.endswith(
        "The model's budget is 0 labels and 0.0001, absolute or relative."
    )


def test_a_model_that_allows_for_flips_keeps_its_onnx_form() -> None:
    version = registered(allowed_mismatches=300, tolerance=0.5)
    assert (version.runtime, version.parity["status"]) == ("onnx", "match")
    assert version.parity["label_mismatches"] > 0
    assert version.parity["allowed_mismatches"] == 300
    assert version.parity["tolerance"] == 0.5


def test_a_form_is_proved_again_against_the_budget_of_today() -> None:
    version = registered(allowed_mismatches=300)
    assert services.convert(version=version).parity.matches
    RegisteredModel.objects.update(allowed_mismatches=1)
    again = services.convert(version=ModelVersion.objects.find("grid", 1))
    assert (again.parity.status, again.parity.allowed_mismatches) == ("mismatch", 1)
    assert again.reason.endswith("The model's budget is 1 label and 0.0001, absolute or relative.")
