"""Every estimator of scikit-learn comes through: as ONNX, in scikit-learn, or refused, and why.

The table is docs/estimators.md. After a change that is meant, write it anew:
UPDATE_ESTIMATORS=1 pytest tests/modelregistry/conversion/test_every_estimator.py
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from sklearn.utils import all_estimators

from tests.modelregistry.conversion.every_estimator import (
    ARGUMENTS,
    ESTIMATORS,
    FITTED_ON,
    outcome,
)

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]

DOCUMENT = Path(__file__).parents[3] / "docs" / "estimators.md"
FEWEST = 68  # classifiers and regressors that convert, of those that fit with defaults

NO_NEW_ROWS = "it can neither predict nor transform new rows."
NO_SEVERAL_TARGETS = "classifiers with several targets, or several labels a row, are not served."
NOT_SERVED = {
    **dict.fromkeys(
        [
            "AgglomerativeClustering", "ClassicalMDS", "DBSCAN", "EmpiricalCovariance",
            "GraphicalLasso", "GraphicalLassoCV", "HDBSCAN", "KernelDensity", "LedoitWolf",
            "LocalOutlierFactor", "MDS", "MinCovDet", "NearestNeighbors", "OAS", "OPTICS",
            "ShrunkCovariance", "SpectralBiclustering", "SpectralClustering",
            "SpectralCoclustering", "SpectralEmbedding", "TSNE",
        ],
        NO_NEW_ROWS,
    ),
    **dict.fromkeys(["ClassifierChain", "MultiOutputClassifier"], NO_SEVERAL_TARGETS),
    **dict.fromkeys(
        ["LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"],
        "it transforms targets, not rows.",
    ),
    **dict.fromkeys(
        ["DictVectorizer", "FeatureHasher"], "it takes dictionaries, not rows of columns."
    ),
    "Birch": "skops cannot save it.",
    "PatchExtractor": "it takes images, not rows of columns.",
}  # fmt: skip

TEXT = """# Every estimator of scikit-learn

What comes of each when it is handed in: fitted with its defaults on 90 rows of iris (regressors:
of diabetes), saved as .skops, registered, converted, and its answers compared with its own
`predict`, `predict_proba`, `decision_function` or `transform`. A test writes and checks this table.

- **ONNX**: the ONNX form answers as the estimator does, and serves. Searches, selectors, votes and
  stacks were given a logistic regression or a ridge; yours convert if what is inside them does.
- **scikit-learn**: there is no such form. The estimator itself serves, slower, behind the same API.
- **not served**: refused when it is handed in, with this reason.

Options can change the outcome; what counts for your model is its own report
([models in and out](models.md)).

{counts}

| estimator | task | served by | because |
|---|---|---|---|
{lines}
"""


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_answers_as_it_does_itself_or_says_why_it_is_not_served(name: str) -> None:
    found = outcome(name)
    assert found.differ <= found.excused
    refused = found.why if found.served == "not served" else None
    assert refused == NOT_SERVED.get(name)
    assert bool(found.why) == (not found.served.startswith("ONNX"))


def test_most_classifiers_and_regressors_convert_with_their_defaults() -> None:
    predictors = dict(all_estimators(type_filter=["classifier", "regressor"]))
    usual = [name for name in predictors if name not in ARGUMENTS | FITTED_ON]
    converted = [name for name in usual if outcome(name).served.startswith("ONNX")]
    print(f"{len(converted)} of {len(usual)} classifiers and regressors convert")
    assert len(converted) >= FEWEST


def test_the_document_has_the_table() -> None:
    found = as_document()
    if "UPDATE_ESTIMATORS" in os.environ:
        DOCUMENT.write_text(found)
    assert DOCUMENT.read_text() == found


def as_document() -> str:
    outcomes = [outcome(name) for name in ESTIMATORS]
    counts = Counter(each.served.partition(",")[0] for each in outcomes)
    return TEXT.format(
        counts=f"Of {len(outcomes)}, {counts['ONNX']} are served by ONNX Runtime, "
        f"{counts['scikit-learn']} by scikit-learn, and {counts['not served']} are not.",
        lines="\n".join(
            f"| {each.name} | {each.task} | {each.served} | {each.why} |" for each in outcomes
        ),
    )
