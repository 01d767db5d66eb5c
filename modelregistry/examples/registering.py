"""Registers what is missing of the example models: nothing is done twice, nothing half."""

from dataclasses import dataclass

from modelregistry import services
from modelregistry.errors import ModelExists, VersionExists
from modelregistry.formats.runtime import Task
from modelregistry.models import ModelVersion, RegisteredModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    name: str
    task: Task
    description: str


EXAMPLES = (
    Example(
        name="iris",
        task="classification",
        description="Which of three irises a flower is, by four measures in centimetres.",
    ),
    Example(
        name="diabetes",
        task="regression",
        description="How far diabetes has progressed after a year, by ten standardised measures.",
    ),
    Example(
        name="churn",
        task="classification",
        description="Whether a customer leaves, by three numbers and two categories.",
    ),
)


def are_complete() -> bool:
    """Whether `register_examples` would find nothing to do."""
    examples = ModelVersion.objects.filter(model__name__in=[e.name for e in EXAMPLES], number=1)
    done = examples.exclude(state=ModelVersion.State.CONVERTING).filter(
        model__changes__isnull=False
    )
    return done.distinct().count() == len(EXAMPLES)


def register_examples() -> list[ModelVersion]:
    """Make what is missing of every example, and nothing else; each one's version 1."""
    return [_register(example) for example in EXAMPLES]


def _register(example: Example) -> ModelVersion:
    """Safe at any point of a crash, and beside another process that does the same."""
    _ensure_model(example)
    version = _first_version(example)
    if version.state == ModelVersion.State.CONVERTING:
        version = services.convert(version=version).version
    if not version.model.changes.exists():
        services.promote(version=version, reason="example model")
    return version


def _ensure_model(example: Example) -> None:
    try:
        services.create_model(
            name=example.name,
            task=example.task,
            description=example.description,
            visibility=RegisteredModel.Visibility.PUBLIC,
        )
    except ModelExists:
        return


def _first_version(example: Example) -> ModelVersion:
    found = ModelVersion.objects.filter(model__name=example.name, number=1)
    version = found.select_related("model").first()
    return version or _trained_version(example)


def _trained_version(example: Example) -> ModelVersion:
    # Lazy: a start that finds its examples there never loads scikit-learn.
    from modelregistry.examples.training import TRAINERS  # noqa: PLC0415

    trained = TRAINERS[example.name]()
    try:
        return services.register_version(
            model_name=example.name,
            data=trained.skops,
            samples=trained.samples,
            heldout=trained.heldout,
            number=1,
        )
    except VersionExists:  # another process was faster
        return ModelVersion.objects.find(example.name, 1)
