"""Whether a model is there is not told by how much is read for who asks what it takes."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from modelregistry.audience import Audience
from predictions.runtime import ModelRuntime
from predictions.serving.engine import Addressed
from predictions.serving.errors import UnknownModel

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_of_an_unseen_model_as_much_is_read_as_of_none() -> None:
    runtime = ModelRuntime()
    runtime.follower.has_read = True
    unseen = Addressed(1, Audience(groups=frozenset({7})))
    runtime.engine.settle(servable=frozenset(), known={"orchids": unseen}, lent={})
    User.objects.create_user("ann")

    def reads(address: str) -> int:
        ann = User.objects.get(username="ann")
        with CaptureQueriesContext(connection) as asked, pytest.raises(UnknownModel):
            runtime.described(address, ann)
        return len(asked)

    assert reads("orchids") == reads("absent")
