"""Which requests the landing page shows: those that work here, and no name that is not public."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import LazySettings
from django.http import HttpRequest
from django.test import RequestFactory

from mlapi import landing
from modelregistry.audience import PUBLIC, SIGNED_IN
from modelregistry.models import LiveVersion, RegisteredModel
from predictions.runtime import models
from predictions.serving.engine import Engine, Identity, Loaded
from tests.serving.models import CHEAP, Doubling

EXECUTOR = ThreadPoolExecutor(1)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The process's engine for one test, with nothing live in it."""
    empty = Engine()
    monkeypatch.setattr(models, "engine", empty)
    monkeypatch.setattr(models, "_live", {})
    return empty


def serve(engine: Engine, name: str, *, public: bool = True) -> None:
    identity = Identity(
        model=name,
        version=3,
        version_id=1,
        task="regression",
        audience=PUBLIC if public else SIGNED_IN,
        framework="onnx",
        artifact_sha256="",
        source_sha256=None,
    )
    live = Loaded(identity, Doubling(), example=(1.5, 2.0), cost=CHEAP, executor=EXECUTOR)
    engine.swap(live)
    models._live[name] = LiveVersion(
        model=name,
        task="regression",
        audience=PUBLIC if public else SIGNED_IN,
        version=3,
        version_id=1,
        runtime="onnx",
        artifact_sha256="",
        source_sha256=None,
        signature=Doubling.signature,
        classes=None,
        example=(1.5, 2.0),
        size_bytes=1,
        serving=RegisteredModel().serving,
    )


@pytest.fixture
def request_for_page(rf: RequestFactory) -> HttpRequest:
    return rf.get("/", headers={"host": "localhost:9000"})


def shown(request: HttpRequest) -> str:
    return landing.page(request).content.decode()


def test_without_a_public_model_it_says_how_to_get_one(
    engine: Engine, request_for_page: HttpRequest
) -> None:
    serve(engine, "secret", public=False)

    page = shown(request_for_page)

    assert "manage.py register_model" in page
    assert "/predict-async" not in page
    assert "secret" not in page
    assert "curl -s http://localhost:9000/readyz" in page


def test_a_model_of_ones_own_is_asked_with_its_versions_example(
    engine: Engine, request_for_page: HttpRequest
) -> None:
    serve(engine, "tides")

    page = shown(request_for_page)

    assert "version 3, regression" in page
    assert "curl -s http://localhost:9000/api/v1/models/tides/predict" in page
    body = json.dumps({"rows": [[1.5, 2.0]]}).replace('"', "&quot;")
    assert body in page


def test_the_tutorials_requests_are_shown_only_for_the_model_they_are_made_for(
    engine: Engine, request_for_page: HttpRequest, settings: LazySettings
) -> None:
    serve(engine, "iris")
    serve(engine, "tides")

    as_default = shown(request_for_page)
    settings.DEFAULT_MODEL = "tides"
    beside_another = shown(request_for_page)

    assert "/predict-async" in as_default
    assert as_default.count("create_api_key") == 1, "the others use its $KEY"
    assert "/predict-async" not in beside_another
    assert "/api/v1/models/iris/predict" in beside_another
