"""A start that is killed while it registers the example models is made up for by the next one."""

from contextlib import suppress
from itertools import count
from types import SimpleNamespace

import pytest

from modelregistry.examples import registering
from modelregistry.examples.training import TRAINERS
from modelregistry.models import AliasChange, ModelVersion, RegisteredModel
from tests.crashing import Killed, Nth, in_database, in_files
from tests.modelregistry.crashes.agreement import check_agreement, tidy_up
from tests.modelregistry.trained import SAMPLES, tree_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("repeated")]


def forget() -> None:
    AliasChange.objects.all()._raw_delete(AliasChange.objects.db)
    for model in RegisteredModel.objects.all():
        model.aliases.all().delete()
        model.versions.all().delete()
        model.delete()


@pytest.mark.database
@pytest.mark.parametrize("standing", [in_database, in_files], ids=["queries", "file calls"])
def test_a_start_that_is_killed_anywhere_is_completed_by_the_next(
    standing: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    (iris,) = (one for one in registering.EXAMPLES if one.name == "iris")
    monkeypatch.setattr(registering, "EXAMPLES", (iris,))
    small = SimpleNamespace(skops=tree_file(), samples=SAMPLES, heldout=None)
    monkeypatch.setitem(TRAINERS, "iris", lambda: small)
    for number in count(1):
        nth = Nth(number)
        with suppress(Killed), standing(nth):  # type: ignore[operator]
            registering.register_examples()
        check_agreement("iris")
        states = list(ModelVersion.objects.values_list("state", flat=True))
        assert states in ([], ["ready"]), f"call {number}"
        (version,) = registering.register_examples()
        assert (version.number, version.state, version.runtime) == (1, "ready", "onnx")
        assert registering.are_complete()
        check_agreement("iris")
        if not nth.came:
            break
        forget()
    assert number > 10
    tidy_up()
