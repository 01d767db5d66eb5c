"""The Celery app; its settings are the CELERY_ ones of mlapi/settings.py.

A worker or beat that cannot work says why in one line and ends with exit code 2.
"""

import os
import signal
import sys
import warnings
from typing import NoReturn

from celery import Celery
from celery.signals import beat_init, celeryd_init, worker_process_init, worker_ready
from django.apps import apps
from django.conf import settings

from jobs.exposition import serve_where_asked
from jobs.notify import notify_ready
from jobs.preconditions import first_fault
from mlapi.lifeline import die_with_parent
from mlapi.variables import EnvironmentFault

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlapi.settings")

MAIN_PID = os.getpid()  # in a pool's child, forked after this line, the worker's main process

# Root may well run it, in a container: it takes JSON alone, which is what the warning is about.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = Celery("mlapi")


@app.on_configure.connect
def refuse_a_wrong_environment(**_facts: object) -> None:
    """Before Celery reads Django's settings: `celery -A mlapi` has no manage.py around it."""
    if apps.ready:  # Django was here first, and so was whoever handles its faults
        return
    try:
        settings.MLAPI.ensure_data_dir()
    except EnvironmentFault as fault:
        _refuse(str(fault))


@celeryd_init.connect
@beat_init.connect
def refuse_to_start_without(**_facts: object) -> None:
    """A worker or beat needs a broker and migrated tables from its first moment."""
    if fault := first_fault(settings.CELERY_BROKER_URL):
        _refuse(fault)


@worker_ready.connect
def serve_metrics(**_facts: object) -> None:
    """After its children were forked: they need neither the thread nor the socket."""
    environment = settings.MLAPI
    fault = serve_where_asked(environment.metrics_address, token=environment.metrics_token)
    if fault:
        _refuse(fault)


@worker_ready.connect
@beat_init.connect
def tell_the_supervisor(**_facts: object) -> None:
    notify_ready()


@worker_process_init.connect
def end_with_the_worker(**_facts: object) -> None:
    """A pool's child outlives a killed worker otherwise, and goes on with its task."""
    die_with_parent(signal.SIGKILL, MAIN_PID)


def _refuse(fault: str) -> NoReturn:
    print(f"mlapi: {fault}", file=sys.__stderr__)  # Celery may have sys.stderr in its log
    sys.exit(2)


app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
