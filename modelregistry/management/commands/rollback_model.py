"""manage.py rollback_model: what was champion before serves again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from modelregistry import services
from modelregistry.management.arguments import text
from modelregistry.management.printing import told_once
from modelregistry.models import RegisteredModel


class Command(BaseCommand):
    help = "Let the version serve that did before; repeated, it goes further back"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", type=text, metavar="NAME")
        parser.add_argument("--reason", type=text, default="", help="kept in the history")

    def handle(self, *_: Any, **options: Any) -> None:
        with told_once():
            model = RegisteredModel.objects.named(options["model"])
            change = services.rollback(model=model, reason=options["reason"])
        self.stdout.write(f"{change.version} serves again; before, {change.previous} did.")
