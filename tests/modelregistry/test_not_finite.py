"""Numbers that JSON has not, nan and infinity, reach no database: they are null, or refused."""

import json

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from modelregistry import services
from modelregistry.conversion.comparing import compare
from modelregistry.conversion.differences import Answers
from modelregistry.conversion.marking import Side
from modelregistry.conversion.parity import SAMPLES as FROM_SAMPLES
from modelregistry.errors import NotPromotable, RefusedFile
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import save_estimator
from modelregistry.intake.tables import read_csv
from modelregistry.management.printing import summary_line
from modelregistry.models import ModelVersion
from modelregistry.serializers import VersionSerializer
from tests.modelregistry.trained import ROWS, SAMPLES, regression_file, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_nan_in_a_csv_is_a_missing_number_and_the_example_says_null() -> None:
    samples = read_csv(b"a,b\nnan,1\n2,NaN\n3,4\n")
    assert samples.values == ((None, 1), (2, None), (3, 4))
    table = np.array([[np.nan, 1], [2, np.nan], [3, 4]] * 10)
    model = HistGradientBoostingRegressor(max_iter=2).fit(table, table[:, 0] > 2)
    version = services.register_version(
        model_name="gaps", data=save_estimator(model), samples=samples, create_missing=True
    )
    assert (version.state, version.input_example) == ("ready", {"a": None, "b": 1})
    assert version.signature["missing"] == ["a", "b"]
    shown = VersionSerializer(ModelVersion.objects.select_related("model").get()).data
    assert shown["signature"]["missing"] == ["a", "b"]


def test_nan_in_rows_made_by_a_program_is_kept_as_null() -> None:
    table = np.array([[np.nan, 1.0], [2, 3]] * 10)
    model = HistGradientBoostingRegressor(max_iter=2).fit(table, table[:, 1])
    version = services.register_version(
        model_name="gaps", data=save_estimator(model), samples=Rows.of(table), create_missing=True
    )
    assert version.input_example == [None, 1.0]
    assert services.convert(version=version).parity.matches


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999"])
def test_an_infinite_number_in_a_csv_is_refused_by_its_row(cell: str) -> None:
    with pytest.raises(RefusedFile, match="Row 2 of the sample rows has a number that is not"):
        read_csv(f"a\n1\n{cell}\n".encode())


def test_a_word_that_looks_like_infinity_is_a_word_among_words() -> None:
    assert read_csv(b"name\ninf\nsup\n").values == (("inf",), ("sup",))


def test_a_whole_number_too_long_for_any_integer_is_still_a_number() -> None:
    assert read_csv(b"a\n123456789012345678901234567890\n").values == ((1.2345678901234568e29,),)


def test_a_measure_that_one_row_does_not_define_is_left_out() -> None:
    heldout = Rows.of(ROWS[:1], targets=ROWS[:1] @ np.arange(4.0))
    version = services.register_version(
        model_name="line", data=regression_file(), heldout=heldout, create_missing=True
    )
    assert list(version.metrics) == ["mean_absolute_error"]


def test_metrics_of_answers_that_are_not_finite_are_left_out() -> None:
    steep = LinearRegression().fit(ROWS, ROWS[:, 0])
    steep.coef_ = np.array([np.inf, 1, 1, 1])
    heldout = Rows.of(ROWS[:3], targets=ROWS[:3, 0])
    version = services.register_version(
        model_name="steep", data=save_estimator(steep), samples=SAMPLES, heldout=heldout,
        create_missing=True,
    )  # fmt: skip
    assert (version.state, version.metrics) == ("ready", {})
    assert version.parity["first_source"] == [None] * 5


def hollow(rows: Rows) -> Answers:
    value = rows.matrix()[:, :1].copy()
    value[0], value[1] = np.nan, np.inf
    return {"value": value}


def test_a_report_with_numbers_that_are_not_finite_is_kept_and_shown() -> None:
    rows = Rows.of(np.ones((3, 2)))
    whole = Side(lambda some: {"value": some.matrix()[:, :1]})
    report = compare(whole, Side(hollow), [(FROM_SAMPLES, rows)], rows_from=FROM_SAMPLES).to_json()
    assert (report["status"], report["max_abs_diff"]) == ("mismatch", None)
    assert report["first_onnx"] == [None, None, 1.0]
    assert "NaN" not in json.dumps(report)
    version = tree_version()
    ModelVersion.objects.filter(pk=version.pk).update(parity=report)
    kept = ModelVersion.objects.select_related("model").get()
    assert "largest difference not finite" in summary_line(kept)
    assert VersionSerializer(kept).data["parity"]["max_abs_diff"] is None


def test_the_same_infinity_on_both_sides_is_no_difference() -> None:
    rows = Rows.of(np.ones((3, 2)))
    report = compare(Side(hollow), Side(hollow), [(FROM_SAMPLES, rows)], rows_from=FROM_SAMPLES)
    assert (report.status, report.max_abs_diff) == ("match", 0.0)


def nothing(rows: Rows) -> Answers:
    return {"value": np.full((len(rows), 2), [np.nan, -np.inf])}


def test_a_source_without_a_finite_answer_matches_nothing() -> None:
    rows = Rows.of(np.ones((3, 2)))
    sure = Side(lambda some: {"label": np.zeros(len(some)), **nothing(some)})
    for side in (Side(nothing), sure):
        report = compare(side, side, [(FROM_SAMPLES, rows)], rows_from=FROM_SAMPLES)
        assert (report.status, report.no_finite_answer) == ("mismatch", True)
        assert (report.label_mismatches, report.beyond, report.max_abs_diff) == (0, 0, 0.0)


def test_labels_alone_and_rows_with_gaps_may_have_no_number_in_their_answers() -> None:
    rows, gaps = Rows.of(np.ones((3, 2))), Rows.of(np.array([[np.nan, 1.0]] * 3))
    labels = Side(lambda some: {"label": np.zeros(len(some))})
    for side, asked in ((labels, rows), (Side(nothing), gaps)):
        report = compare(side, side, [(FROM_SAMPLES, asked)], rows_from=FROM_SAMPLES)
        assert (report.status, report.no_finite_answer) == ("match", False)


@pytest.mark.parametrize("samples", [SAMPLES, None])
def test_a_model_without_a_finite_answer_is_not_promoted_and_says_why(samples: Rows | None) -> None:
    void = LinearRegression().fit(ROWS, ROWS[:, 0])
    void.intercept_ = np.nan
    version = services.register_version(
        model_name="void", data=save_estimator(void), samples=samples, create_missing=True
    )
    assert (version.runtime, version.parity["status"]) == ("sklearn", "mismatch")
    assert "In single precision no finite answer to any of " in version.reason
    assert "budget" not in version.reason
    with pytest.raises(NotPromotable, match="it has no finite answer to any row it was compared"):
        services.promote(version=version)
    fresh = ModelVersion.objects.select_related("model").get()
    done = services.convert(version=fresh)
    assert (done.parity.matches, done.parity.no_finite_answer) == (False, True)
