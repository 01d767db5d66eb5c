"""manage.py retrain_model: a worker fits a model anew; the version that comes of it waits."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.errors import JobError
from jobs.models import Job
from jobs.services import submit
from modelregistry.tasks import RETRAIN


class Command(BaseCommand):
    help = (
        "Start a job that fits a model anew on the rows that were handed in with its champion "
        "(register_model --samples FILE --target COLUMN), measures both and registers a new "
        "version, which serves once it is promoted. Prints the job's id alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="the model's name")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            job = submit(
                kind=RETRAIN, params={"model": options["model"]}, origin=Job.Origin.COMMAND
            )
        except JobError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(job.pk))
