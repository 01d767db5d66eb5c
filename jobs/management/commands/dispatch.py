"""`manage.py dispatch`: looks after the queue until SIGTERM or Ctrl-C."""

import signal
from threading import Event

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from jobs.dispatch import dispatch
from jobs.exposition import serve_where_asked
from jobs.metrics import FINISHED, RESCUED, count_from_zero
from jobs.notify import notify_ready
from jobs.preconditions import first_fault


class Command(BaseCommand):
    help = "Look after the queue from outside the workers; a part of `manage.py up`."
    requires_system_checks = []

    def handle(self, *_args: object, **_options: object) -> None:
        if fault := first_fault(settings.CELERY_BROKER_URL):
            raise CommandError(fault, returncode=2)
        count_from_zero(FINISHED, RESCUED)
        served = settings.MLAPI.metrics_address
        if fault := serve_where_asked(served, token=settings.MLAPI.metrics_token):
            raise CommandError(fault, returncode=2)
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        notify_ready()
        dispatch(broker_url=settings.CELERY_BROKER_URL, stop=stop)
