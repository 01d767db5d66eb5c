"""What is interrupted: upload, check, conversion, promotion, rollback; each on a model of its own.

`seen` is all that anybody can know of it. It is one value before and another one after, whatever
the model is called; a third one would be a state between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from onnx import helper

from jobs import execution
from jobs import services as jobs
from jobs.kinds import find
from jobs.models import Job
from modelregistry import services
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.rows import Rows
from modelregistry.models import Alias, AliasChange, ModelVersion, RegisteredModel
from modelregistry.tasks import CONVERT, conversion_of
from tests.modelregistry.onnx_files import onnx_file
from tests.modelregistry.trained import tree_file

ROW = (1.0, 2.0, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class Operation:
    prepare: Callable[[str], None]
    """A model of that name, ready for it."""
    act: Callable[[str], object]
    """Safe to call again, wherever the first call ended."""
    seen: Callable[[str], object]


def times(factor: int) -> bytes:
    """A model that answers a row with its values times that."""
    node = helper.make_node("Mul", ["a", "factor"], ["value"])
    constants = {"factor": np.array([factor], np.float32)}
    return onnx_file([node], inputs={"a": ["n", 4]}, output=["n", 4], constants=constants)


def registered(name: str, count: int) -> list[ModelVersion]:
    """Versions 1, 2, ...; each multiplies with its own number."""
    return [
        services.register_version(model_name=name, data=times(number), create_missing=True)
        for number in range(1, count + 1)
    ]


def served(name: str) -> tuple[int, list[float]] | None:
    """Which version serves, and how its file answers."""
    for live in Alias.objects.champions():
        if live.model == name:
            data = services.store().read(live.artifact_sha256)
            runtime = open_runtime(live.runtime, data, signature=live.signature, classes=None)
            rows = Rows(columns=live.signature.columns, values=(ROW,))
            (answer,) = runtime.run(rows.tensors(live.signature), ["value"])
            return live.version, answer[0].tolist()
    return None


def moves(name: str) -> list[int | None]:
    lines = AliasChange.objects.filter(model__name=name).order_by("pk")
    return list(lines.values_list("version__number", flat=True))


def champion_and_history(name: str) -> object:
    return served(name), moves(name)


def two_versions_of_which_one_serves(name: str) -> None:
    services.promote(version=registered(name, 2)[0])


def promote_the_second(name: str) -> None:
    services.promote(version=ModelVersion.objects.find(name, 2))


def two_champions(name: str) -> None:
    for version in registered(name, 2):
        services.promote(version=version)


def roll_back(name: str) -> None:
    if moves(name) == [1, 2]:  # a second rollback would go further back
        services.rollback(model=RegisteredModel.objects.named(name))


CLIENTS: dict[str, Client] = {}


def empty_model(name: str) -> None:
    """And somebody who is signed in."""
    services.create_model(name=name, task="")
    CLIENTS[name] = Client(raise_request_exception=False)
    CLIENTS[name].force_login(User.objects.get(username="chief"))


def upload(name: str) -> None:
    CLIENTS[name].post(
        f"/api/v1/models/{name}/versions/",
        {"file": SimpleUploadedFile("model.skops", tree_file())},
        headers={"Idempotency-Key": name},
    )


def versions_and_jobs(name: str) -> object:
    versions = ModelVersion.objects.filter(model__name=name)
    known = [(v.number, v.state, Job.objects.get(pk=v.job_id).state) for v in versions]
    return known, Job.objects.filter(params__model=name).count()


def handed_in(name: str) -> None:
    services.create_model(name=name, task="")
    upload = services.Upload(source=[tree_file()], metadata={})
    services.hand_in(model_name=name, upload=upload, actor=None)


def verdict_and_task(name: str) -> object:
    version = ModelVersion.objects.find(name, 1)
    verdict = version.state in ("ready", "rejected")
    facts = (version.state, version.runtime, version.onnx_size, version.parity.get("status"))
    return facts if verdict else None, version.model.task


def nothing(name: str) -> None:
    """Not even a model of that name."""


def register(name: str) -> None:
    """As a command does; a second time would make a second version."""
    if not ModelVersion.objects.filter(model__name=name).exists():
        services.register_version(model_name=name, data=tree_file(), create_missing=True)


def model_and_version(name: str) -> object:
    models = RegisteredModel.objects.filter(name=name)
    versions = ModelVersion.objects.filter(model__name=name)
    return (
        list(models.values_list("task")),
        list(versions.values_list("number", "state", "runtime", "onnx_size", "parity__status")),
    )


def not_converted(name: str) -> None:
    """Ready in scikit-learn, and its job to convert it."""
    services.register_version(model_name=name, data=tree_file(), create_missing=True)
    without = {"runtime": "sklearn", "onnx_sha256": "", "onnx_size": None, "parity": {}}
    version = ModelVersion.objects.filter(model__name=name)
    version.update(**without)
    jobs.submit(kind=CONVERT, params=conversion_of(version.get()))


def newest_job(name: str) -> Job:
    return Job.objects.filter(params__model=name).latest("created_at")


def run_job(name: str) -> None:
    job = newest_job(name)
    execution.run(job, find(job.kind), worker="here:1")


def form(name: str) -> object:
    version: Any = ModelVersion.objects.find(name, 1)
    return version.state, version.runtime, version.onnx_size, version.parity.get("status")


OPERATIONS = {
    "register": Operation(nothing, register, model_and_version),
    "upload": Operation(empty_model, upload, versions_and_jobs),
    "check": Operation(handed_in, run_job, verdict_and_task),
    "convert": Operation(not_converted, run_job, form),
    "promote": Operation(
        two_versions_of_which_one_serves, promote_the_second, champion_and_history
    ),
    "rollback": Operation(two_champions, roll_back, champion_and_history),
}
