"""A version of a model: its artifacts, what it takes and gives, and the proof of its parity."""

import logging
import uuid
from typing import Any, Literal, cast

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Greatest
from django.utils import timezone

from modelregistry.errors import ImmutableRow, NotChecked, UnknownVersion
from modelregistry.formats.signature import Signature
from modelregistry.models.live import LiveVersion
from modelregistry.models.model import RegisteredModel
from modelregistry.models.names import CHAMPION, SHA256
from modelregistry.models.revision import Revision

log = logging.getLogger(__name__)


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def find(
        self, model_name: str, number: int | None = None, *, seen_by: User | None = None
    ) -> "ModelVersion":
        """That version; without a number the champion, or where there is none the newest.

        Of those, one that is ready goes before others. The operator, who is None, sees the versions
        of all models. Raises UnknownModel, UnknownVersion.
        """
        model = RegisteredModel.objects.named(model_name, seen_by=seen_by)
        versions = self.filter(model=model).select_related("model").order_by("number")
        if number is not None:
            found = versions.filter(number=number).first()
        else:
            ready = versions.filter(state=ModelVersion.State.READY)
            champion = versions.filter(aliases__name=CHAMPION).first()
            found = champion or ready.last() or versions.last()
        if found is None:
            which = "versions" if number is None else f"version {number}"
            raise UnknownVersion(f"The model {model_name} has no {which}.")
        return found

    def made_by(self, job_id: uuid.UUID) -> "ModelVersion | None":
        """The version that this job has registered, if it came so far."""
        return self.filter(job_id=job_id).select_related("model").first()

    def addressed(self) -> "models.QuerySet[ModelVersion, tuple[str, int, int, int | None, str]]":
        """Model, number, id, the model's deadline, and the state of each that may be asked, or
        could be until its file was damaged."""
        asked = Q(state=ModelVersion.State.READY) | ~Q(damage="")
        return (
            self.filter(asked, model__archived_at=None)
            .order_by()
            .values_list("model__name", "number", "pk", "model__deadline_ms", "state")
        )

    def files(self) -> set[str]:
        """The sha256 of every file that these versions name."""
        named = self.order_by().values_list(
            "source_sha256", "onnx_sha256", "samples_sha256", "heldout_sha256", "handed_in__samples"
        )
        return {sha256 for row in named.iterator() for sha256 in row if sha256}

    def with_serving(self) -> "ModelVersionQuerySet":
        """Each row with `serves`: whether it is its model's champion, in the same query."""
        champion = ModelVersion.objects.filter(pk=OuterRef("pk"), aliases__name=CHAMPION)
        return self.annotate(serves=Exists(champion))

    def advance(self, version: "ModelVersion", of: str, to: str) -> bool:
        """Whether its state was `of` and is `to` now; nothing that serves depends on either."""
        return self.filter(pk=version.pk, state=of).update(state=to) == 1

    def complete(self, version: "ModelVersion", **facts: object) -> bool:
        """Write what conversion found and make it ready; False where an ONNX form is there.

        One that is ready is given a form, and nothing else, while no alias points to it: only moves
        of aliases change what is answered, and those leave a line in history.
        """
        states = [ModelVersion.State.CONVERTING]
        with transaction.atomic():
            RegisteredModel.objects.select_for_update().get(pk=version.model_id)  # no alias moves
            if facts.get("onnx_sha256") and not version.aliases.exists():
                states.append(ModelVersion.State.READY)
            open_rows = self.filter(pk=version.pk, onnx_sha256="", state__in=states)
            won = open_rows.update(state=ModelVersion.State.READY, **facts) == 1
            if won:
                Revision.objects.bump()
        return won

    def note_proof(self, version: "ModelVersion", parity: dict[str, Any], reason: str) -> None:
        """Its form was compared with its source anew, and did as well as before or did not.

        Nothing that serves depends on it; whether it may be promoted does.
        """
        if parity["status"] != version.parity.get("status"):
            self.filter(pk=version.pk, onnx_sha256=version.onnx_sha256).update(
                parity=parity, reason=reason
            )

    def damaged(self) -> "ModelVersionQuerySet":
        """Those that were ready until their file was found damaged."""
        return self.filter(state=ModelVersion.State.BROKEN).exclude(damage="")

    def note_damage(self, live: LiveVersion, words: str) -> bool:
        """Whether it was ready, in that form, and is broken now; of several who find it, one wins.

        `words` say what is wrong with its file, and who found it.
        """
        ready = self.filter(pk=live.version_id, state=ModelVersion.State.READY)
        served = "onnx_sha256" if live.runtime == "onnx" else "source_sha256"
        same = ready.filter(**{served: live.artifact_sha256, "runtime": live.runtime})
        return self._moved(same, state=ModelVersion.State.BROKEN, damage=words)

    def note_mended(self, version: "ModelVersion") -> bool:
        """Its file is whole again: whether it was broken for that, and is ready now."""
        damaged = self.damaged().filter(pk=version.pk)
        return self._moved(damaged, state=ModelVersion.State.READY, damage="")

    def _moved(self, rows: "ModelVersionQuerySet", **facts: object) -> bool:
        with transaction.atomic():
            won = rows.update(**facts) == 1
            if won:
                Revision.objects.bump()
        return won

    def withdraw(self, version: "ModelVersion") -> None:
        """Take back a version whose registration failed; one that is complete stays."""
        with transaction.atomic():
            model = RegisteredModel.objects.filter(pk=version.model_id)
            model.select_for_update().get()
            unfinished = self.filter(pk=version.pk, state=ModelVersion.State.CONVERTING)
            if unfinished.delete()[0]:
                model.update(withdrawn=Greatest("withdrawn", version.number))
                Revision.objects.bump()


class ModelVersion(models.Model):
    class State(models.TextChoices):
        PENDING = "pending"
        VALIDATING = "validating"
        CONVERTING = "converting"
        READY = "ready"
        REJECTED = "rejected"
        BROKEN = "broken"

    class Runtime(models.TextChoices):
        ONNX = "onnx", "ONNX Runtime"
        SKLEARN = "sklearn", "scikit-learn"

    class Format(models.TextChoices):
        SKOPS = "skops", ".skops"
        ONNX = "onnx", ".onnx"

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    runtime = models.CharField(max_length=16, choices=Runtime, blank=True)
    format = models.CharField(max_length=16, choices=Format, blank=True)
    source_sha256 = models.CharField(max_length=64)
    source_size = models.PositiveBigIntegerField()
    onnx_sha256 = models.CharField(max_length=64, blank=True)
    onnx_size = models.PositiveBigIntegerField(null=True)
    signature = models.JSONField(default=dict)
    classes = models.JSONField(null=True)
    metrics = models.JSONField(default=dict)
    parity = models.JSONField(default=dict)
    input_example = models.JSONField(null=True)
    samples_sha256 = models.CharField(max_length=64, blank=True)
    heldout_sha256 = models.CharField(max_length=64, blank=True)
    # Of the files as they came: {"source": sha256, "samples": sha256, "target": name}.
    handed_in = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)  # the uploader's own words
    library_versions = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    damage = models.TextField(blank=True)  # of its file, for which it is broken though it was ready
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    job_id = models.UUIDField(null=True, unique=True, editable=False)  # the job that made it

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        verbose_name = "version"
        ordering = ["-created_at", "-number"]
        permissions = [
            ("convert_modelversion", "Can convert a version to ONNX"),
            ("promote_modelversion", "Can let a version serve"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="version_number_is_unique"),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_number_from_one"),
            models.CheckConstraint(
                condition=Q(source_sha256__regex=SHA256, onnx_sha256__regex=SHA256),
                name="version_artifacts_are_sha256",
            ),
            models.CheckConstraint(
                condition=~Q(runtime="onnx", state="ready", onnx_sha256=""),
                name="version_onnx_runtime_has_onnx",
            ),
            models.CheckConstraint(
                condition=~Q(Q(format="") | Q(runtime=""), state="ready"),
                name="version_that_is_ready_is_known",
            ),
            models.CheckConstraint(
                condition=Q(damage="") | Q(state="broken"), name="version_damaged_is_broken"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model.name}:{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRow("A version never changes; register a new one.")
        super().save(*args, **kwargs)

    @property
    def size_bytes(self) -> int:
        """Size of the artifact that is served."""
        return self.onnx_size if self.runtime == "onnx" and self.onnx_size else self.source_size

    @property
    def unproven(self) -> str:
        """What to say where its two forms were not found to answer alike."""
        if self.onnx_sha256:
            return f"{self} has an ONNX form that no longer answers like its source."
        return f"{self} has no ONNX form."

    @property
    def why(self) -> str:
        """Why it is as it is: what is wrong with its file, or what its check has come to."""
        return self.damage or self.reason

    @property
    def is_under_way(self) -> bool:
        """Whether its file is being checked, or waits for that."""
        return self.state in UNDER_WAY

    @property
    def is_known(self) -> bool:
        """Whether its file was found to be a model: what it takes and gives is known."""
        known = self.state in (self.State.CONVERTING, self.State.READY) or self.damage != ""
        return self.format != "" and known

    def live(self) -> LiveVersion:
        """What serving needs to know; `model` should come with the row. Raises NotChecked."""
        self._check_known()
        onnx = self.runtime == ModelVersion.Runtime.ONNX
        return LiveVersion(
            model=self.model.name,
            task=self.model.task,
            audience=self.model.audience,
            version=self.number,
            version_id=self.pk,
            runtime=cast("Literal['onnx', 'sklearn']", self.runtime),
            artifact_sha256=self.onnx_sha256 if onnx else self.source_sha256,
            source_sha256=self.source_sha256 if self.format == "skops" else None,
            signature=Signature.from_json(self.signature),
            classes=None if self.classes is None else tuple(self.classes),
            example=self.example_row(),
            size_bytes=self.size_bytes,
            serving=self.model.serving,
        )

    def readable(self) -> LiveVersion | None:
        """The same; None for a row this code cannot read: it must not hide the others."""
        try:
            return self.live()
        except (msgspec.ValidationError, LookupError, NotChecked):
            log.exception("%s cannot be read", self)
            return None

    def example_row(self) -> tuple[Any, ...]:
        """The input example's values, columns left to right, whichever way it is kept.

        Raises NotChecked.
        """
        self._check_known()
        example, columns = self.input_example, self.signature["columns"]
        if isinstance(example, dict):  # PostgreSQL keeps its keys in an order of its own
            return tuple(example[column] for column in columns)
        return tuple(example or ())

    def _check_known(self) -> None:
        if not self.signature:
            raise NotChecked(f"{self} is {self.state}: what it takes is not known.")


UNDER_WAY = (
    ModelVersion.State.PENDING,
    ModelVersion.State.VALIDATING,
    ModelVersion.State.CONVERTING,
)
