"""The process: the lane for its exact table of paths, Django behind the guard for all others.

WebSockets have a door of their own; a REST caller who waits for a job's next change waits here,
in front of Django, where waiting holds no thread.
"""

from mlapi.lifeline import follow_server

follow_server()  # before anything can fail: a worker whose server was killed must not go on

import os  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402
from typing import Any  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlapi.settings")

from mlapi.spooling import spooling_application  # noqa: E402
from mlapi.variables import EnvironmentFault  # noqa: E402

try:
    django_application: Any = spooling_application()  # what follows needs Django's apps
except EnvironmentFault as fault:  # no manage.py around a server: one line here, too
    sys.exit(f"mlapi: {fault}")

from django.conf import settings  # noqa: E402

from jobs.waiting import Waiting  # noqa: E402
from mlapi.cross_origin import CrossOrigin  # noqa: E402
from mlapi.direct import DirectHttp  # noqa: E402
from mlapi.guard import Guard, refused  # noqa: E402
from mlapi.limits import drain  # noqa: E402
from mlapi.process import Process  # noqa: E402
from mlapi.sockets import sockets  # noqa: E402
from mlapi.wiring import lane, start, stop  # noqa: E402
from predictions.lane.asgi import LaneDoor  # noqa: E402

# WhiteNoise's files: short, and kept by browsers.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")

waiting = Waiting(django_application, is_ending=lambda: drain.under_way)
guarded = Guard(waiting, settings.MLAPI.limits)
door = LaneDoor(lane, guarded)
origins = settings.MLAPI.cors_origins
http = CrossOrigin(door, guarded, origins) if origins else door
application = Process(http, sockets, start=start, stop=stop, drain_s=settings.MLAPI.drain_s)


class Http(DirectHttp):
    """For `uvicorn --http mlapi.asgi:Http`: the environment's limits, the catalogue's refusals, and
    the lane without a detour.
    """

    lane = lane
    process = application
    pages_ask = bool(origins)
    limits = settings.MLAPI.limits
    refusal = staticmethod(refused)
