"""A file becomes a version: described, numbered, converted, proven, and never changed again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from modelregistry import services
from modelregistry.errors import (
    ImmutableRow,
    InvalidName,
    ModelExists,
    RefusedFile,
    UnknownModel,
    UnknownVersion,
    VersionExists,
)
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Signature
from modelregistry.models import Alias, ModelVersion, RegisteredModel
from tests.modelregistry.trained import (
    ROWS,
    SAMPLES,
    TARGETS,
    centroid_version,
    onnx_file,
    regression_file,
    tree_file,
    tree_version,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_registered_file_is_ready_with_all_its_facts() -> None:
    actor = User.objects.create_user("ada")
    heldout = Rows.of(ROWS[::3], targets=TARGETS[::3])
    version = services.register_version(
        model_name="plants", data=tree_file(), actor=actor, samples=SAMPLES, heldout=heldout,
        create_missing=True,
    )  # fmt: skip
    assert (version.number, version.state, version.runtime) == (1, "ready", "onnx")
    assert version.classes == [0, 1, 2]
    assert version.parity["status"] == "match"
    sets = [(part["name"], part["decides"]) for part in version.parity["sets"]]
    assert sets == [("samples", True), ("held-out", True), ("generated", False)]
    assert version.metrics["accuracy"] > 0.9
    assert version.input_example == [5.1, 3.5, 1.4, 0.2]
    assert version.created_by == actor
    assert version.library_versions["scikit-learn"]
    assert version.model.task == "classification"
    assert version.size_bytes == version.onnx_size
    assert Signature.from_json(version.signature).outputs[0].name == "label"
    files = services.store()
    assert files.read(version.source_sha256) == tree_file()
    assert Rows.from_json(files.read(version.samples_sha256)) == SAMPLES
    assert len(files.read(version.onnx_sha256)) == version.onnx_size


def test_an_estimator_without_onnx_form_serves_itself_and_says_why() -> None:
    version = centroid_version()
    assert (version.state, version.runtime, version.onnx_sha256) == ("ready", "sklearn", "")
    assert "NearestCentroid" in version.reason
    live = version.live()
    assert live.artifact_sha256 == live.source_sha256 == version.source_sha256


def test_an_onnx_file_is_ready_at_once_without_a_source() -> None:
    version = services.register_version(model_name="foreign", data=onnx_file(), create_missing=True)
    assert (version.state, version.runtime, version.format) == ("ready", "onnx", "onnx")
    assert (version.classes, version.parity["status"]) == ([0, 1, 2], "none")
    assert version.live().source_sha256 is None
    assert version.model.task == "classification"
    assert version.input_example == [0, 0, 0, 0]


def test_rows_are_made_where_none_are_given_and_the_report_says_so() -> None:
    version = services.register_version(model_name="plants", data=tree_file(), create_missing=True)
    assert (version.parity["rows_from"], version.parity["status"]) == ("generated", "match")
    assert version.samples_sha256 == ""


def test_named_sample_columns_make_the_example_an_object() -> None:
    version = services.register_version(
        model_name="plants", data=tree_file(), samples=Rows.of(ROWS, columns=("a", "b", "c", "d")),
        create_missing=True,
    )  # fmt: skip
    assert version.input_example == {"a": 5.1, "b": 3.5, "c": 1.4, "d": 0.2}
    assert version.signature["columns"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x80\x04K\x01.", "pickle or joblib"),
        (b"", "empty"),
        (b"PK\x03\x04rubbish", "archive is damaged"),
    ],
)
def test_a_refused_file_leaves_no_trace(data: bytes, said: str) -> None:
    with pytest.raises(RefusedFile, match=said):
        services.register_version(model_name="plants", data=data, create_missing=True)
    assert not RegisteredModel.objects.exists()
    assert not ModelVersion.objects.exists()


def test_sample_rows_that_do_not_fit_are_refused() -> None:
    narrow = Rows.of(ROWS[:, :2])
    with pytest.raises(RefusedFile, match="have 2 columns, the model takes 4"):
        services.register_version(
            model_name="plants", data=tree_file(), samples=narrow, create_missing=True
        )


def test_a_file_of_another_task_is_refused() -> None:
    tree_version()
    with pytest.raises(RefusedFile, match=r"does classification; .* does regression"):
        services.register_version(model_name="plants", data=regression_file())


@pytest.mark.parametrize("name", ["", "Iris", "-iris", "a/b", "a" * 65, "iris\n", "ïris", ".."])
def test_names_that_could_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        services.create_model(name=name, task="regression")


def test_the_database_itself_refuses_an_unsafe_name() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RegisteredModel.objects.create(name="../etc", task="regression")


def test_a_taken_name_and_unknown_names_are_told_apart() -> None:
    version = tree_version()
    with pytest.raises(ModelExists):
        services.create_model(name="plants", task="regression")
    with pytest.raises(UnknownModel):
        services.register_version(model_name="other", data=tree_file(), samples=SAMPLES)
    with pytest.raises(UnknownModel):
        ModelVersion.objects.find("other")
    with pytest.raises(UnknownVersion, match="has no version 7"):
        ModelVersion.objects.find("plants", 7)
    assert ModelVersion.objects.find("plants", 1) == version


def test_a_number_can_be_claimed_once() -> None:
    tree_version()
    with pytest.raises(VersionExists):
        services.register_version(model_name="plants", data=tree_file(), samples=SAMPLES, number=1)
    assert ModelVersion.objects.count() == 1


def test_a_version_cannot_be_saved_again() -> None:
    version = tree_version()
    version.reason = "rewritten"
    with pytest.raises(ImmutableRow):
        version.save()
    assert ModelVersion.objects.get().reason == ""


def test_what_is_complete_is_never_completed_again() -> None:
    version = tree_version()
    assert not ModelVersion.objects.complete(version, reason="rewritten")
    assert ModelVersion.objects.get().reason == ""


def test_converting_again_proves_again_and_changes_nothing() -> None:
    version = tree_version()
    before = ModelVersion.objects.values().get()
    done = services.convert(version=version)
    assert done.parity.matches
    assert ModelVersion.objects.values().get() == before


def test_a_version_left_in_the_middle_is_completed_by_converting_it() -> None:
    version = tree_version()
    half_way = {"state": "converting", "runtime": "sklearn", "onnx_sha256": "", "onnx_size": None}
    ModelVersion.objects.update(**half_way)  # as after a crash between the two transactions
    done = services.convert(version=ModelVersion.objects.get())
    assert (done.version.state, done.version.runtime) == ("ready", "onnx")
    assert done.version.onnx_sha256 == version.onnx_sha256


def test_every_change_that_serving_follows_changes_the_revision() -> None:
    seen = [Alias.objects.revision()]

    def changed() -> bool:
        seen.append(Alias.objects.revision())
        return seen[-1] not in seen[:-1]

    first = tree_version()
    assert changed()
    services.promote(version=first)
    assert changed()
    first.model.visibility = "public"
    first.model.save()
    assert changed()
    services.promote(version=first)
    services.convert(version=first)
    assert not changed()


@pytest.mark.django_db(transaction=True)
def test_simultaneous_registrations_get_different_numbers() -> None:
    services.create_model(name="plants", task="classification")
    together = Barrier(4)

    def register(depth: int) -> int:
        together.wait(timeout=30)
        try:
            return services.register_version(
                model_name="plants", data=tree_file(depth), samples=SAMPLES
            ).number
        finally:
            connection.close()

    for depth in range(1, 5):
        tree_file(depth)
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(register, range(1, 5)))
    assert sorted(numbers) == [1, 2, 3, 4]
    assert set(ModelVersion.objects.values_list("state", flat=True)) == {"ready"}
