"""What a load test sends: rows the model knows, many different ones, never too many in memory."""

import msgspec
import numpy as np
import pytest

from modelregistry import services
from modelregistry.examples.training import train_churn
from modelregistry.formats.rows import Rows
from modelregistry.models import ModelVersion
from predictions.errors import Unauthenticated
from predictions.load_testing import LoadTest, bodies_of, run_load_test
from tests.modelregistry.trained import ROWS, tree_file, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def rows_of(version: ModelVersion, *, requests: int, rows: int) -> list[list[list[object]]]:
    return [
        msgspec.json.decode(body)["rows"]
        for body in bodies_of(version, requests=requests, rows=rows)
    ]


def test_every_body_differs_and_holds_rows_of_the_samples() -> None:
    sent = rows_of(tree_version(), requests=1000, rows=4)
    assert len(sent) == 150
    assert {len(rows) for rows in sent} == {4}
    assert sent[0] == ROWS[:4].tolist()
    assert sent[149] == [ROWS[149].tolist(), *ROWS[:3].tolist()]


def test_no_more_bodies_than_requests_and_no_more_rows_than_fit() -> None:
    version = tree_version()
    assert len(bodies_of(version, requests=3, rows=1)) == 3
    assert len(bodies_of(version, requests=1000, rows=1000)) == 20


def test_text_is_sent_as_text() -> None:
    made = train_churn()
    version = services.register_version(
        model_name="leavers", data=made.skops, samples=made.samples, create_missing=True
    )
    (row,) = rows_of(version, requests=1, rows=1)[0]
    assert [type(value) for value in row] == [int, float, str, str, int]


def test_without_samples_the_example_is_sent() -> None:
    version = services.register_version(model_name="plants", data=tree_file(), create_missing=True)
    assert rows_of(version, requests=9, rows=2) == [[list(version.example_row())] * 2]


def test_rows_with_missing_values_are_left_out() -> None:
    holes = ROWS.copy()
    holes[:140, 0] = np.nan
    whole = Rows(
        columns=("a", "b", "c", "d"),
        values=tuple(tuple(None if v != v else v for v in row) for row in holes.tolist()),
    )
    version = services.register_version(
        model_name="plants", data=tree_file(), samples=whole, create_missing=True
    )
    sent = rows_of(version, requests=100, rows=1)
    assert [rows[0] for rows in sent] == ROWS[140:].tolist()


def test_a_test_that_nobody_owns_cannot_ask_a_model_that_asks_for_a_key() -> None:
    tree_version("private")
    asked = LoadTest(model="private", requests=1, concurrency=1, rows=1, owner_id=None)
    with pytest.raises(Unauthenticated, match="nobody owns this test"):
        run_load_test(asked, lambda done: None)
