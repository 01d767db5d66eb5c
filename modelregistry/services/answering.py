"""What answers by a model's name, as the registry has it. A process may be on its way there."""

from modelregistry.models import CHAMPION, ModelVersion, RegisteredModel
from modelregistry.services.damage import stand_ins


def broken_champion(model: RegisteredModel) -> ModelVersion | None:
    """Its champion, where that serves no more because its file is damaged."""
    damaged = ModelVersion.objects.damaged().filter(model=model, aliases__name=CHAMPION)
    return damaged.select_related("model").first()


def answering_number(model: RegisteredModel) -> int | None:
    """The number of the version that answers by the model's name; None where none does."""
    if broken_champion(model) is not None:
        instead = next(stand_ins(model.name), None)
        return instead.version if instead else None
    champion = ModelVersion.objects.filter(model=model, aliases__name=CHAMPION)
    return champion.values_list("number", flat=True).first()
