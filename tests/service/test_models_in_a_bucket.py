"""Models whose files are in an S3 bucket serve like others, and go on while it is out of reach."""

from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from modelregistry import services
from modelregistry.errors import StoreUnavailable
from modelregistry.formats.skops_format import save_estimator
from modelregistry.models import ModelVersion
from predictions.runtime import RETRY_EVERY_READS, ModelRuntime
from tests.modelregistry import buckets
from tests.running import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(settings: Any) -> Iterator[str]:
    with buckets.s3_server() as address:
        buckets.client(address).create_bucket(Bucket="served")
        settings.STORAGES = buckets.stored_in(address, "served")
        yield address


def registered(depth: int) -> ModelVersion:
    tree = DecisionTreeClassifier(max_depth=depth).fit(*load_iris(return_X_y=True))
    return services.register_version(
        model_name="flowers", data=save_estimator(tree), create_missing=True
    )


def live(runtime: ModelRuntime) -> int:
    return runtime.engine.live("flowers").identity.version


def test_a_model_serves_from_a_bucket_and_outlives_its_silence(address: str, settings: Any) -> None:
    runtime, first, second, third = ModelRuntime(), *map(registered, (1, 2, 3))
    services.promote(version=first)
    runtime.read()
    assert live(runtime) == 1

    services.promote(version=second)
    settings.STORAGES = buckets.stored_in(f"http://127.0.0.1:{free_port()}", "served")
    runtime.read()
    assert live(runtime) == 1
    with pytest.raises(StoreUnavailable):
        services.promote(version=third)

    settings.STORAGES = buckets.stored_in(address, "served")
    for _ in range(RETRY_EVERY_READS):
        runtime.read()
    assert live(runtime) == 2
