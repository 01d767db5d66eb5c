"""manage.py register_examples: the models a fresh installation starts with."""

from typing import Any

from django.core.management.base import BaseCommand

from modelregistry.examples.registering import register_examples
from modelregistry.management.printing import summary_line


class Command(BaseCommand):
    help = "Train and register the example models that are missing, and make them champions."

    def handle(self, *_: Any, **__: Any) -> None:
        for version in register_examples():
            self.stdout.write(summary_line(version))
