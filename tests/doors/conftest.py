"""The scikit-learn answers that served ones are compared with."""

import numpy as np
import pytest

from modelregistry.examples.training import CHURN_COLUMNS, churn_table, train_churn


@pytest.fixture(scope="session")
def churn_truth() -> tuple[list[dict[str, object]], list[str], list[list[float]]]:
    """Rows by column name, unknown categories among them, and what the pipeline itself says."""
    rows, _ = churn_table(np.random.default_rng(7), count=40)
    contract, payment = (CHURN_COLUMNS.index(name) for name in ("contract", "payment_method"))
    rows[::3, contract] = "by-the-hour"
    rows[::5, payment] = 'pebbles, "quoted" \u2013 ümlaut'
    pipeline = train_churn().estimator
    objects = [dict(zip(CHURN_COLUMNS, row, strict=True)) for row in rows.tolist()]
    return objects, pipeline.predict(rows).tolist(), pipeline.predict_proba(rows).tolist()
