"""The prediction routes that Django answers: two for comparison, two for the queue, two that say
what a model takes, and the lane's door for WSGI.
"""

import asyncio
import threading
from concurrent.futures import Future
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from predictions.errors import BodyTooLarge
from predictions.lane.collaborators import Reply
from predictions.lane.exchange import Target
from predictions.lane.lane import Lane
from predictions.protocols.encodings import coding_of, unpacked
from predictions.protocols.json_body import require_json
from predictions.serializers import (
    BatchFeaturesSerializer,
    BatchSubmittedSerializer,
    FeatureRowSerializer,
    FeatureRowsSerializer,
    FrameworkAnswerSerializer,
    PredictionSchemaSerializer,
    SingleAnswerSerializer,
    SubmittedSerializer,
)
from predictions.services import (
    predict_synchronously,
    predict_with_scikit_learn,
    queue_batch,
    queue_prediction,
    schema_of,
)

_ANSWER_TIMEOUT_S = 60.0


class JsonWhateverIsAccepted(BaseContentNegotiation):
    """The lane does not read Accept; its siblings for comparison do not either."""

    def select_parser(self, request: Request, parsers: list[BaseParser]) -> BaseParser:  # type: ignore[override]
        return parsers[0]

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type or ""


class TutorialView(APIView):
    """POST only, open to all, the raw body handed on."""

    permission_classes = [AllowAny]
    content_negotiation_class = JsonWhateverIsAccepted
    http_method_names = ["post"]

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Keys alone: like the lane, these routes read no cookie, so no CSRF can be asked for."""
        made = super().get_authenticators()
        return [one for one in made if not isinstance(one, SessionAuthentication)]

    def raw_body(self, request: Request) -> bytes:
        """The body as it was before it was compressed; the guard, where it is, has unpacked it.

        Raises UnsupportedMediaType where it is not declared as JSON, UnsupportedEncoding,
        BodyTooLarge and Malformed.
        """
        declared = request.META.get("CONTENT_TYPE") or None
        require_json(_bytes(declared) if declared else None)
        coding = coding_of(_bytes(request.META.get("HTTP_CONTENT_ENCODING", "")))
        body: bytes = request._request.body
        return body if coding is None else unpacked(body, coding, settings.MLAPI.limits.json_bytes)


class PredictSync(TutorialView):
    @extend_schema(request=FeatureRowSerializer, responses=SingleAnswerSerializer)
    def post(self, request: Request) -> HttpResponse:
        """One row through an ordinary synchronous view, for comparison with /predict-async."""
        return _json(predict_synchronously(self.raw_body(request), _owner(request)))


class PredictSklearn(TutorialView):
    @extend_schema(request=FeatureRowsSerializer, responses=FrameworkAnswerSerializer)
    def post(self, request: Request) -> HttpResponse:
        """Rows through the source estimator, for comparison with /predict-onnx."""
        return _json(predict_with_scikit_learn(self.raw_body(request), _owner(request)))


class PredictQueued(TutorialView):
    @extend_schema(request=FeatureRowSerializer, responses=SubmittedSerializer)
    def post(self, request: Request) -> Response:
        """One row for the workers; GET /task/{task_id} has the answer."""
        job = queue_prediction(self.raw_body(request), _owner(request))
        message = "Task submitted to queue"
        return Response({"task_id": job.pk, "status": "submitted", "message": message})


class BatchQueued(TutorialView):
    @extend_schema(request=BatchFeaturesSerializer, responses=BatchSubmittedSerializer)
    def post(self, request: Request) -> Response:
        """Many rows for the workers; GET /task/{task_id} has the answers."""
        job, rows = queue_batch(self.raw_body(request), _owner(request))
        return Response({"task_id": job.pk, "status": "submitted", "batch_size": rows})


def _owner(request: Request) -> User | None:
    """Tasks of callers without a key belong to nobody: whoever knows the id may read them."""
    return request.user if isinstance(request.user, User) else None


def _json(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json")


class PredictionSchema(APIView):
    """For whoever may ask for predictions, and staff who are signed in."""

    permission_classes = [AllowAny]

    @extend_schema(responses=PredictionSchemaSerializer)
    def get(self, request: Request, name: str, number: str | None = None) -> Response:
        """JSON Schema 2020-12 of what a model takes and answers, by what answers for it now."""
        address = name if number is None else f"{name}/versions/{int(number)}"
        user = _owner(request)
        may_ask = user is not None and (request.auth is not None or user.is_staff)
        return Response(schema_of(address, user if may_ask else None))


class LaneView:
    """The lane as a Django view, for the test client and WSGI: its own loop in its own thread."""

    csrf_exempt = True  # keys and public models only: the lane reads no cookie

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def __call__(self, request: HttpRequest, **_: str) -> HttpResponse:
        target = self._lane.target(request.path_info)
        if target is None:  # the URL map's patterns are wider than the lane's table
            raise Http404
        request.counted_by_lane = True  # type: ignore[attr-defined]
        status, headers, body = self._ask(target, request).result(_ANSWER_TIMEOUT_S)
        response = HttpResponse(body, status=status)
        for name, value in headers:
            if name not in (b"content-length", b"connection"):
                response[name.decode()] = value.decode()
        return response

    def _ask(self, target: Target, request: HttpRequest) -> "Future[Reply]":
        answer: Future[Reply] = Future()
        headers = {name.lower().encode(): _bytes(v) for name, v in request.headers.items() if v}
        loop, lane, method = self._running_loop(), self._lane, request.method or ""
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if int(declared) > lane.body_limit:
            fault = BodyTooLarge(lane.body_limit)
            loop.call_soon_threadsafe(
                lane.refuse, target, method, headers, fault, answer.set_result
            )
        else:
            body = request.body
            client = (request.META.get("REMOTE_ADDR", ""), 0)
            handle = partial(lane.handle, client=client)
            loop.call_soon_threadsafe(handle, target, method, headers, body, answer.set_result)
        return answer

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="lane", daemon=True).start()
            return self._loop


def _bytes(value: str) -> bytes:
    return value.encode("latin-1", "replace")
