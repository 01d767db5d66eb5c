"""manage.py promote_model: a version becomes champion, or gets another alias."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from modelregistry import services
from modelregistry.management.arguments import text, version_reference
from modelregistry.management.printing import library_lines, moved_in_words, told_once
from modelregistry.models import CHAMPION, ModelVersion


class Command(BaseCommand):
    help = "Let a version serve: promote_model MODEL:VERSION"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", type=version_reference, help="MODEL:VERSION")
        parser.add_argument(
            "--alias", type=text, default=CHAMPION, help="champion, if not given: it serves"
        )
        parser.add_argument("--reason", type=text, default="", help="kept in the history")

    def handle(self, *_: Any, **options: Any) -> None:
        reference = options["version"]
        with told_once():
            version = ModelVersion.objects.find(reference.model, reference.required_number())
            services.move_alias(version=version, alias=options["alias"], reason=options["reason"])
        self.stdout.write(moved_in_words(version, options["alias"]))
        for line in library_lines(version):
            self.stderr.write(line)
