"""Who may retrain, and who may have something promoted by it, over REST."""

import pytest
from django.test import Client

from jobs import execution
from jobs.kinds import find
from jobs.models import Job
from modelregistry import services
from modelregistry.models import Alias
from tests.kinds.test_retraining_rest import PATH, ask, staff
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def test_who_may_retrain_alone_can_have_nothing_promoted() -> None:
    services.promote(version=tree_version())
    client = staff("retrain_registeredmodel")
    assert ask(client, {}).status_code == 202
    refused = ask(client, {"promote_if_better_by": 0})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "leave out promote_if_better_by" in refused.json()["detail"]


def test_the_jobs_route_promotes_nothing_for_them_either() -> None:
    services.promote(version=tree_version())
    client = staff("retrain_registeredmodel")
    params = {"model": "plants", "promote_if_better_by": 0}
    answer = ask(client, {"kind": "retrain_model_task", "params": params}, "/api/v1/jobs/")
    job = Job.objects.find(answer.json()["id"])
    assert execution.run(job, find(job.kind), worker="here:1")
    assert job.result["promoted"] is False
    assert [live.version for live in Alias.objects.champions()] == [1]


def test_who_may_not_retrain_is_refused_before_the_form_is_read() -> None:
    tree_version()
    assert ask(staff("promote_modelversion"), {}).status_code == 403
    assert Client().post(PATH).status_code == 401
