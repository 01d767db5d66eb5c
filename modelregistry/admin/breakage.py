"""How pages mark a champion that serves no more because its file is damaged."""

from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from modelregistry import services
from modelregistry.admin.reading import badge
from modelregistry.models import ModelVersion, RegisteredModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """A broken champion, and what stands in, as far as the registry knows."""

    version: ModelVersion
    answering: int | None

    @property
    def instead(self) -> str:
        return _instead(self.answering)


def breakage_of(model: RegisteredModel) -> Breakage | None:
    """None where the champion is whole, or there is none."""
    version = services.broken_champion(model)
    if version is None:
        return None
    return Breakage(version=version, answering=services.answering_number(model))


def broken_mark(model: RegisteredModel) -> SafeString:
    """Beside the number of a champion that is broken."""
    return format_html("{} {}", badge("broken", "danger"), _words(model))


def champion_badges(version: ModelVersion, *others: str) -> SafeString:
    """Of a champion, with its other aliases: red where another version answers."""
    champion = badge("champion", "danger" if version.damage else "info")
    words = [_words(version.model)] if version.damage else []
    parts = [champion, *(badge(name, "default") for name in others), *words]
    return format_html_join(" ", "{}", ((part,) for part in parts))


def _words(model: RegisteredModel) -> SafeString:
    instead = _instead(services.answering_number(model))
    return format_html('<span class="whitespace-nowrap">{}</span>', instead)


def _instead(answering: int | None) -> str:
    return f"version {answering} answers" if answering else "none answers"
