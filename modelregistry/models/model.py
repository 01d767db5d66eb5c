"""A model: a name with a task, and who may ask it. Its versions do the work."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Count, F, Max, Q
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from jobs.audit import note
from modelregistry.audience import PUBLIC, SIGNED_IN, Audience
from modelregistry.errors import ArchivedModel, UnknownModel
from modelregistry.models.names import CHAMPION, NAME
from modelregistry.models.revision import Revision
from modelregistry.models.serving import ServedModel
from modelregistry.permissions import VIEW_ALL_MODELS


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> "RegisteredModelQuerySet":
        """Those whose audience admits them: the same rule as a query."""
        visibility = RegisteredModel.Visibility
        if not isinstance(user, User):
            return self.filter(visibility=visibility.PUBLIC)
        if user.has_perm(VIEW_ALL_MODELS):
            return self
        theirs = RegisteredModel.groups.through.objects.filter(group__user=user)
        of_groups = Q(pk__in=theirs.values("registeredmodel"))
        return self.filter(~Q(visibility=visibility.GROUPS) | of_groups)

    def named(self, name: str, *, seen_by: User | None = None) -> "RegisteredModel":
        """The model called so, as far as they see it; the operator, who is None, sees all.

        Raises UnknownModel.
        """
        rows = self if seen_by is None else self.visible_to(seen_by)
        try:
            return rows.get(name=name)
        except RegisteredModel.DoesNotExist as error:
            raise UnknownModel(f"There is no model {name}.") from error

    def settle_task(self, model: "RegisteredModel", task: str, *, certain: bool) -> bool:
        """Its first version says what it does; False where it does something else already.

        What an ONNX file does is a guess: the first estimator, which is `certain`, knows better.
        """
        open_rows = self.filter(pk=model.pk).exclude(task=task)
        if not (certain and not model.is_settled):
            open_rows = open_rows.filter(task="")
        if open_rows.update(task=task):
            note(model, {"task": (model.task, task)})
            Revision.objects.bump()
        model.refresh_from_db(fields=["task"])
        return model.task == task

    def audiences(self) -> dict[str, Audience]:
        """By name: whom each that is not archived is open to."""
        rows = self.filter(archived_at=None).order_by()
        groups: dict[str, set[int]] = {}
        for name, group in rows.exclude(groups=None).values_list("name", "groups"):
            groups.setdefault(name, set()).add(group)
        told = rows.values_list("name", "visibility")
        return {name: _audience(is_for, groups.get(name, ())) for name, is_for in told}

    def with_champion(self) -> "RegisteredModelQuerySet":
        """Each row with `champion` (a version number or None) and `damage` (what is wrong with
        that version's file; empty or None), in the same query."""
        live = Q(aliases__name=CHAMPION)
        return self.annotate(
            champion=Max("aliases__version__number", filter=live),
            damage=Max("aliases__version__damage", filter=live),
        )

    def with_activity(self) -> "RegisteredModelQuerySet":
        """Each row with `version_count` and `updated_at`, in the same query."""
        moved = Coalesce(Max("aliases__moved_at"), F("created_at"))
        added = Coalesce(Max("versions__created_at"), F("created_at"))
        return self.annotate(
            version_count=Count("versions", distinct=True), updated_at=Greatest(moved, added)
        )


class RegisteredModel(ServedModel):
    class Task(models.TextChoices):
        CLASSIFICATION = "classification"
        REGRESSION = "regression"
        CLUSTERING = "clustering"
        OUTLIER = "outlier"
        TRANSFORM = "transform"

    class Visibility(models.TextChoices):
        PUBLIC = "public", "public"
        SIGNED_IN = "signed-in", "signed-in"
        GROUPS = "groups", "groups"

    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(
                NAME, "Use a-z, 0-9, dot, dash and underscore; begin with a letter or digit."
            )
        ],
    )
    description = models.TextField(blank=True)
    task = models.CharField(max_length=16, choices=Task, blank=True)  # the first version's
    visibility = models.CharField(
        max_length=16,
        choices=Visibility,
        default=Visibility.SIGNED_IN,
        help_text=(
            "public: anyone may ask for predictions; signed-in: only holders of a key; groups: "
            "only those of them who are in one of its groups. To all others it is unknown."
        ),
    )
    groups = models.ManyToManyField(
        Group,
        blank=True,
        related_name="models",
        help_text=(
            "Whose members see and ask it, where its visibility is groups. With none, it is seen "
            "by those alone who may see the models of all groups."
        ),
    )
    tolerance = models.FloatField(
        default=1e-4,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=(
            "How far a number in an ONNX answer may be from the source's, absolute or relative, "
            "on the rows that came with a version."
        ),
    )
    allowed_mismatches = models.PositiveIntegerField(
        default=0,
        help_text="On how many of those rows the label may be another one; ties never count.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The highest number of a version that was taken back: whoever waits for it meets no other.
    withdrawn = models.PositiveIntegerField(default=0, editable=False)

    objects = RegisteredModelQuerySet.as_manager()

    class Meta:
        verbose_name = "model"
        ordering = ["name"]
        permissions = [
            ("retrain_registeredmodel", "Can retrain a model"),
            ("loadtest_registeredmodel", "Can put a model under load"),
            ("view_all_models", "Can see the models of all groups"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=NAME), name="model_name_is_safe"),
            models.CheckConstraint(
                condition=Q(
                    task__in=[
                        "",
                        "classification",
                        "regression",
                        "clustering",
                        "outlier",
                        "transform",
                    ]
                ),
                name="model_task_is_known",
            ),
            models.CheckConstraint(
                condition=Q(visibility__in=["public", "signed-in", "groups"]),
                name="model_visibility_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        Revision.objects.bump()

    def check_open(self) -> None:
        """Whether it takes versions. Raises ArchivedModel."""
        if self.archived_at is not None:
            raise ArchivedModel(
                f"The model {self.name} is archived: it takes no versions any more."
            )

    @property
    def audience(self) -> Audience:
        """Whom it is open to."""
        is_for_groups = self.visibility == self.Visibility.GROUPS
        return _audience(
            self.visibility, [group.pk for group in self.groups.all()] if is_for_groups else ()
        )

    @property
    def is_settled(self) -> bool:
        """Whether an estimator has said what it does."""
        return self.versions.filter(format="skops", state="ready").exists()

    def next_number(self) -> int:
        """Of its next version: one that no version had before, whatever became of that.

        The lock on its row is held from before it was read to that version's row.
        """
        last = self.versions.aggregate(last=Max("number"))["last"] or 0
        return max(int(last), self.withdrawn) + 1


def _audience(visibility: str, groups: Iterable[int]) -> Audience:
    """`groups` count where it is for some."""
    if visibility == RegisteredModel.Visibility.GROUPS:
        return Audience(groups=frozenset(groups))
    return PUBLIC if visibility == RegisteredModel.Visibility.PUBLIC else SIGNED_IN
