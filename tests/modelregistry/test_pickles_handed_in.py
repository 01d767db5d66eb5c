"""A pickle, where that is switched on, goes on as .skops or as ONNX, and never as itself."""

import pickle
from dataclasses import replace
from fractions import Fraction

import pytest
from django.conf import LazySettings
from sklearn.tree import DecisionTreeClassifier

from jobs.errors import KeyReused
from modelregistry import services
from modelregistry.errors import RefusedFile
from modelregistry.formats.skops_format import load_estimator
from modelregistry.intake.recognise import recognise
from modelregistry.models import ModelVersion
from tests.modelregistry.trained import ROWS, TARGETS

pytestmark = pytest.mark.django_db


def tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=2, random_state=0).fit(ROWS, TARGETS)


@pytest.fixture
def switched_on(settings: LazySettings) -> None:
    settings.MLAPI = replace(settings.MLAPI, allow_pickle=True)


def handed_in(model: object) -> ModelVersion:
    """And looked at."""
    services.create_model(name="plants", task="")
    upload = services.Upload(source=[pickle.dumps(model)], metadata={})
    return services.ingest(version=services.hand_in(model_name="plants", upload=upload, actor=None))


@pytest.mark.usefixtures("switched_on")
def test_it_is_kept_as_skops_and_proven_like_any_other() -> None:
    version = handed_in(tree())
    assert (version.state, version.format, version.runtime) == ("ready", "skops", "onnx")
    assert version.parity["status"] == "match"
    kept = services.store().read(version.source_sha256)
    assert version.source_size == len(kept)
    assert load_estimator(kept).predict(ROWS).tolist() == tree().predict(ROWS).tolist()


@pytest.mark.usefixtures("switched_on")
def test_what_skops_cannot_give_back_is_kept_as_onnx_alone() -> None:
    odd = tree()
    odd.note = Fraction(1, 3)
    version = handed_in(odd)
    assert (version.state, version.format, version.runtime) == ("ready", "onnx", "onnx")
    assert recognise(services.store().read(version.source_sha256)) == "onnx"


def test_switched_off_it_is_refused_and_the_way_out_is_told() -> None:
    with pytest.raises(RefusedFile, match=r"skops\.io\.dump"):
        handed_in(tree())
    assert not ModelVersion.objects.exists()


@pytest.mark.usefixtures("switched_on")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_switched_on_every_protocol_is_let_in(protocol: int) -> None:
    services.create_model(name="plants", task="")
    for size in (1, 100_000):
        data = pickle.dumps(["x"] * size, protocol)
        upload = services.Upload(source=[data], metadata={})
        services.hand_in(model_name="plants", upload=upload, actor=None)


@pytest.mark.usefixtures("switched_on")
def test_a_key_that_has_made_it_answers_with_it_after_the_check_too() -> None:
    services.create_model(name="plants", task="")
    facts = {"model_name": "plants", "actor": None, "idempotency_key": "monday"}

    def hand_in(model: object, **words: object) -> ModelVersion:
        upload = services.Upload(source=[pickle.dumps(model)], metadata=words)
        return services.hand_in(upload=upload, **facts)

    first = hand_in(tree(), run=7)
    checked = services.ingest(version=first)
    assert checked.source_sha256 != first.source_sha256
    again = hand_in(tree(), run=7)
    assert (again.pk, again.job_id, again.state) == (first.pk, first.job_id, "ready")
    for model, words in ((Fraction(1, 3), {"run": 7}), (tree(), {"run": 8})):
        with pytest.raises(KeyReused):
            hand_in(model, **words)
    assert ModelVersion.objects.count() == 1
