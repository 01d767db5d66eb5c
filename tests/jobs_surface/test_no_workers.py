"""/tasks/active where nobody is there to answer."""

import time

import pytest
from django.test import Client


@pytest.mark.django_db
def test_without_broker_and_workers_it_answers_within_a_second(client: Client) -> None:
    began = time.monotonic()
    answer = client.get("/tasks/active")
    took = time.monotonic() - began

    assert answer.json() == {"active_tasks": {}, "scheduled_tasks": {}}
    assert took <= 1.0
