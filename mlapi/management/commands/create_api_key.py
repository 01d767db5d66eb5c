"""manage.py create_api_key USERNAME: makes a key and prints it, alone, on standard output."""

from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from mlapi import issuing
from mlapi.errors import AccessError
from modelregistry.management.arguments import text


class Command(BaseCommand):
    help = "Make an API key for a user and print it. It is shown this once; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", type=text)
        parser.add_argument("--name", type=text, default="", help="what the key is for")
        parser.add_argument(
            "--expires-days", type=_days, help="valid for so many days; default: for ever"
        )

    def handle(
        self, *, username: str, name: str, expires_days: timedelta | None, **_: object
    ) -> None:
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(
                f"There is no user {username!r}. manage.py createsuperuser makes one."
            )
        expires_at = datetime.now(UTC) + expires_days if expires_days else None
        try:
            _key, text = issuing.issue(owner=user, name=name[:100], expires_at=expires_at)
        except AccessError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(text)


def _days(word: str) -> timedelta:
    days = int(word)
    if not 1 <= days <= 36500:
        raise ValueError(word)
    return timedelta(days=days)
