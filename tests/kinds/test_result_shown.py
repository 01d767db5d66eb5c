"""What a retraining came to, on its job's page: a table in words, and the way to its version."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs import execution
from jobs.kinds import find
from jobs.models import Job
from modelregistry import services
from modelregistry.admin import retrained_context
from modelregistry.models import RETRAIN, ModelVersion
from tests.jobs.rows import queued
from tests.kinds.test_promoting_retrained import poor_version
from tests.modelregistry.trained import centroid_version, tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def retrained(**params: Any) -> Job:
    job = queued(RETRAIN, params={"model": "plants", **params}, origin=Job.Origin.COMMAND)
    assert execution.run(job, find(RETRAIN), worker="here:1")
    assert job.state == "succeeded", job.error_detail
    return job


def page_of(client: Client, job: Job) -> str:
    answer = client.get(reverse("admin:jobs_job_change", args=(job.pk,)))
    assert answer.status_code == 200
    return answer.content.decode()


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_both_versions_stand_side_by_side_with_the_difference(chief: Client) -> None:
    services.promote(version=tree_version(depth=1))
    job = retrained()
    new, before = job.result["metrics"], job.result["champion"]["metrics"]
    html = page_of(chief, job)
    shown = text(html)
    assert "Measured on the same 38 held-out rows" in shown
    assert "Version 2, new Version 1, before Difference" in shown
    difference = new["accuracy"] - before["accuracy"]
    figures = f"{new['accuracy']:.4g} {before['accuracy']:.4g}"
    assert f"Accuracy {figures} {f'{difference:+.4g}' if difference else '0'}" in shown
    assert "Version 2 not promoted That was not asked for." in shown
    assert "Version 2 has learned from 112 rows." in shown
    assert "Version 1 may have been fitted on some of the held-out rows" in shown
    assert "{&quot;" not in html.partition('aria-label="Result"')[2].partition("</section>")[0]


def test_the_new_version_and_the_pair_are_a_click_away(chief: Client) -> None:
    tree_version()
    html = page_of(chief, retrained())
    made = ModelVersion.objects.get(number=2)
    assert reverse("admin:modelregistry_modelversion_change", args=(made.pk,)) in html
    name = "admin:modelregistry_registeredmodel_compare_versions"
    assert reverse(name, args=(made.model_id,)) + "?a=1&amp;b=2" in html


def test_whether_it_serves_and_why_is_said(chief: Client) -> None:
    poor_version()
    shown = text(page_of(chief, retrained(promote_if_better_by=0.9)))
    assert "Version 2 not promoted Accuracy" in shown
    assert "which is not better by 0.9" in shown
    shown = text(page_of(chief, retrained(promote_if_better_by=0.01)))
    assert "Version 3 promoted Retraining: accuracy" in shown


def test_why_there_is_no_onnx_form_is_said(chief: Client) -> None:
    centroid_version()
    shown = text(page_of(chief, retrained()))
    assert "without an ONNX form" in shown
    assert "NearestCentroid" in shown


def test_rows_that_define_no_figure_and_a_version_that_is_gone_are_no_fault() -> None:
    shown = retrained_context(
        {
            "model": "gone", "version": 3, "metrics": {}, "promoted": False, "promotion": "No.",
            "champion": {"version": 2, "metrics": {"r2": 0.5}, "note": ""},
            "trained_rows": 9, "heldout_rows": 1, "runtime": "onnx", "reason": "",
        }
    )  # fmt: skip
    (line,) = shown["lines"]
    assert (line.name, line.new, line.before, line.difference) == ("R2", "–", "0.5", "–")  # noqa: RUF001
    assert "page" not in shown
