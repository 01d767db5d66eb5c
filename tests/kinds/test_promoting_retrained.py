"""A retrained version serves by itself where that was asked for and it does better, once, and only
over the champion that it was measured beside.
"""

import uuid

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from jobs import execution
from jobs.kinds import find
from jobs.models import Job
from modelregistry import retraining, services
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import load_estimator, save_estimator
from modelregistry.models import RETRAIN, Alias, AliasChange, ModelVersion
from modelregistry.retraining import PROMOTE, STEPS, Retrained, retrain
from modelregistry.services import Challenge, Verdict, promote_if_better
from tests.jobs.rows import queued
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
ROWS, TARGETS = load_iris(return_X_y=True)
SAMPLES = Rows.of(ROWS, targets=TARGETS)
CAVEAT = "Version 1 may have been fitted on some of the held-out rows: its figures may be too good."


def poor_version(name: str = "plants") -> ModelVersion:
    """A champion that has learnt a third of the labels wrong; its rows have the right ones."""
    wrong = np.where(np.arange(len(TARGETS)) % 3 == 0, (TARGETS + 1) % 3, TARGETS)
    tree = DecisionTreeClassifier(max_depth=9, random_state=0).fit(ROWS, wrong)
    version = services.register_version(
        model_name=name, data=save_estimator(tree), samples=SAMPLES, create_missing=True
    )
    services.promote(version=version)
    return version


def retrained(
    by: float | None,
    name: str = "plants",
    job_id: uuid.UUID | None = None,
    actor: User | None = None,
    steps: list[str] | None = None,
) -> Retrained:
    return retrain(
        job_id=job_id or uuid.uuid4(),
        model_name=name,
        lesson=None,
        actor=actor,
        step=(steps if steps is not None else []).append,
        promote_if_better_by=by,
        is_operators=actor is None,
    )


def serving() -> list[int]:
    return [live.version for live in Alias.objects.champions()]


def heldout_rows(version: ModelVersion) -> tuple[np.ndarray, np.ndarray]:
    rows = Rows.from_json(services.store().read(version.heldout_sha256))
    return np.array(rows.values, dtype=float), np.array(rows.targets)


def accuracy(version: ModelVersion, rows: np.ndarray, targets: np.ndarray) -> float:
    """Counted by hand."""
    answers = load_estimator(services.store().read(version.source_sha256)).predict(rows)
    return sum(a == t for a, t in zip(answers.tolist(), targets.tolist(), strict=True)) / len(rows)


def test_a_candidate_that_is_better_by_enough_serves_and_history_says_by_which_figures() -> None:
    first = poor_version()
    steps: list[str] = []

    done = retrained(0.1, steps=steps)

    rows, targets = heldout_rows(done.version)
    new, old = accuracy(done.version, rows, targets), accuracy(first, rows, targets)
    assert done.version.metrics == {"accuracy": new}
    assert done.metrics_before == {"accuracy": old}
    assert new - old >= 0.1
    reason = (
        f"Retraining: accuracy {new:.4g} against {old:.4g} of version 1 on 38 held-out rows. "
        f"{CAVEAT}"
    )
    assert done.verdict == Verdict(promoted=True, reason=reason)
    line = AliasChange.objects.latest("at", "pk")
    assert (line.version, line.previous, line.reason) == (done.version, first, reason)
    assert serving() == [2]
    assert tuple(steps) == (*STEPS, PROMOTE)


def test_a_candidate_that_is_not_better_by_enough_does_not_serve_and_it_is_said_why() -> None:
    first = poor_version()
    done = retrained(0.9)
    rows, targets = heldout_rows(done.version)
    new, old = accuracy(done.version, rows, targets), accuracy(first, rows, targets)
    assert done.verdict == Verdict(
        promoted=False,
        reason=f"accuracy {new:.4g} against {old:.4g} of version 1 on 38 held-out rows, "
        f"which is not better by 0.9. {CAVEAT}",
    )
    assert serving() == [1]


def test_without_being_asked_nothing_is_promoted() -> None:
    poor_version()
    assert retrained(None).verdict is None
    assert serving() == [1]


def test_nothing_to_win_by_promotes_what_is_as_good() -> None:
    services.promote(version=tree_version())
    first = retrained(0.0)  # learns three quarters of the rows, the champion had learnt them all
    services.promote(version=first.version)
    again = retrained(0.0)  # the same rows, the same estimator
    assert again.version.metrics == again.metrics_before
    assert again.verdict is not None
    assert again.verdict.promoted
    assert "may have been fitted" not in again.verdict.reason  # held out from both
    assert serving() == [again.version.number]


def test_regressors_are_compared_by_r2() -> None:
    rows, targets = load_diabetes(return_X_y=True)
    poor = LinearRegression().fit(rows, targets[::-1])
    first = services.register_version(
        model_name="sugar",
        data=save_estimator(poor),
        samples=Rows.of(rows, targets=targets),
        create_missing=True,
    )
    services.promote(version=first)

    done = retrained(0.05, "sugar")

    table, wanted = heldout_rows(done.version)
    r2 = []
    for version in (done.version, first):
        found = load_estimator(services.store().read(version.source_sha256)).predict(table)
        spread = ((wanted - wanted.mean()) ** 2).sum()
        r2.append(1 - ((wanted - found) ** 2).sum() / spread)
    assert done.version.metrics["r2"] == pytest.approx(r2[0])
    assert done.metrics_before["r2"] == pytest.approx(r2[1])
    assert done.verdict is not None
    assert done.verdict.reason.startswith(f"Retraining: R2 {r2[0]:.4g} against {r2[1]:.4g} of")
    assert serving() == [2]


def test_a_second_attempt_of_a_job_promotes_nothing_once_more() -> None:
    first, job_id = poor_version(), uuid.uuid4()
    tree_version(depth=1)  # a newer one that never served
    done = retrained(0.1, job_id=job_id)
    again = retrained(0.1, job_id=job_id)
    assert (again.version, again.before, again.verdict) == (done.version, first, done.verdict)
    assert AliasChange.objects.count() == 2


def test_a_second_attempt_does_not_undo_a_rollback_of_the_first() -> None:
    first, job_id = poor_version(), uuid.uuid4()
    retrained(0.1, job_id=job_id)
    services.promote(version=first, reason="the new one was no good")
    again = retrained(0.1, job_id=job_id)
    assert serving() == [1]
    assert again.verdict is not None
    assert AliasChange.objects.count() == 3


def test_a_champion_that_changed_meanwhile_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    poor_version()
    other = tree_version(depth=1)
    convert = services.convert

    def convert_while_another_is_promoted(**facts: object) -> services.Converted:
        services.promote(version=other)
        return convert(**facts)  # type: ignore[arg-type]

    monkeypatch.setattr(retraining.services, "convert", convert_while_another_is_promoted)
    done = retrained(0.1)
    assert done.verdict == Verdict(
        promoted=False, reason="Version 2 serves; the comparison was with version 1."
    )
    assert serving() == [2]


def test_where_nothing_serves_there_is_nothing_to_do_better_than() -> None:
    poor_version()
    Alias.objects.all().delete()
    done = retrained(0.1)
    assert done.verdict is not None
    assert "No version serves" in done.verdict.reason
    assert serving() == []


def test_who_may_not_promote_does_not_by_retraining() -> None:
    poor_version()
    clerk = User.objects.create_user("clerk")
    done = retrained(0.1, actor=clerk)
    assert done.verdict is not None
    assert done.verdict.reason.startswith("clerk may not let a version serve. accuracy")
    assert serving() == [1]
    clerk.user_permissions.add(Permission.objects.get(codename="promote_modelversion"))
    again = retrained(0.1, actor=User.objects.get(pk=clerk.pk))
    assert again.verdict is not None
    assert again.verdict.promoted
    assert AliasChange.objects.latest("at", "pk").actor == clerk


@pytest.mark.parametrize(
    ("new", "old", "by", "won"),
    [
        ({"accuracy": 0.97}, {"accuracy": 0.93}, 0.04, True),  # 0.03999999999999992 in binary
        ({"accuracy": 0.3}, {"accuracy": 0.1}, 0.2, True),
        ({"accuracy": 0.97}, {"accuracy": 0.93}, 0.041, False),
        ({"accuracy": 0.9}, {"accuracy": 0.9}, 0.0, True),
        ({"accuracy": 0.89}, {"accuracy": 0.9}, 0.0, False),
        ({"r2": -0.5}, {"r2": -0.9}, 0.3, True),
        ({"mean_absolute_error": 1.0}, {"mean_absolute_error": 9.0}, 0.0, False),
        ({"r2": 0.5}, {}, 0.0, False),
        ({"accuracy": 1.0}, {"r2": 0.1}, 0.0, False),
    ],
)
def test_better_by_that_much_means_what_it_says(
    new: dict[str, float], old: dict[str, float], by: float, won: bool
) -> None:
    services.promote(version=tree_version(depth=1))
    first, second = ModelVersion.objects.find("plants"), tree_version(depth=2)
    verdict = promote_if_better(
        Challenge(
            candidate=second,
            metrics=new,
            champion=first,
            champion_metrics=old,
            heldout_rows=38,
            by=by,
        ),
        actor=None,
        is_operators=True,
    )
    assert verdict.promoted is won
    assert serving() == [2 if won else 1]


def run(**params: object) -> Job:
    job = queued(RETRAIN, params={"model": "plants", **params}, origin=Job.Origin.COMMAND)
    assert execution.run(job, find(RETRAIN), worker="here:1")
    return job


def test_the_job_says_in_result_and_log_whether_it_promoted_and_why() -> None:
    poor_version()
    won, lost, unasked = run(promote_if_better_by=0.1), run(promote_if_better_by=0.9), run()
    assert [job.result["promoted"] for job in (won, lost, unasked)] == [True, False, False]
    assert won.result["promotion"].startswith("Promoted. Retraining: accuracy ")
    assert "which is not better by 0.9" in lost.result["promotion"]
    assert unasked.result["promotion"] == "Not promoted: that was not asked for."
    for job, last in ((won, 8), (lost, 8), (unasked, 7)):
        assert job.events.filter(message=job.result["promotion"]).exists()
        assert (job.progress_done, job.progress_total) == (last, last)


def test_a_job_with_a_negative_margin_is_refused() -> None:
    tree_version()
    job = run(promote_if_better_by=-0.1)
    assert (job.state, job.error_code) == ("failed", "wrong_params")
    assert "promote_if_better_by" in job.error_detail


@pytest.mark.parametrize("origin", [Job.Origin.REST, Job.Origin.ADMIN, Job.Origin.DIRECT])
def test_a_job_whose_owner_has_no_account_any_more_promotes_nothing(origin: str) -> None:
    poor_version()
    params = {"model": "plants", "promote_if_better_by": 0.0}
    job = queued(RETRAIN, params=params, origin=origin)
    assert execution.run(job, find(RETRAIN), worker="here:1")
    job.refresh_from_db()
    assert job.result["promotion"].startswith(
        "Not promoted. Whoever asked for this has no account any more. accuracy"
    )
    assert serving() == [1]
