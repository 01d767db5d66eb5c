"""Retraining in REST: with rows in JSON, with a file of rows, or with those that are kept."""

from typing import Any

import msgspec
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.errors import WrongParams
from jobs.kinds import fault_of
from jobs.models import Job
from jobs.serializers import JobSerializer
from jobs.views.api import IDEMPOTENCY, idempotency_key, user_of
from modelregistry import services
from modelregistry.parsers import OnlyMultipart
from modelregistry.serializers import check_fields

MARGIN = (
    "let the new version serve where its accuracy, or a regressor's R2, is better by at least this "
    "much than the champion's on the same held-out rows; 0: where it is no worse"
)


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON body, decoded strictly; the job's parameters are judged by its kind."""

    rows: list[list[Any]] | None = None
    target: list[Any] | None = None
    promote_if_better_by: float | None = None


class OrderSerializer(serializers.Serializer[object]):
    """The same, for the API's documentation."""

    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField()),
        required=False,
        help_text="columns as the model takes them; without rows it learns from those it keeps",
    )
    target = serializers.ListField(
        child=serializers.JSONField(), required=False, help_text="one for every row"
    )
    promote_if_better_by = serializers.FloatField(required=False, min_value=0, help_text=MARGIN)


class OrderFormSerializer(serializers.Serializer[object]):
    """The form that brings a file of rows, which stays on disk."""

    file = serializers.FileField(help_text="the rows: CSV, JSON lines or Parquet")
    target = serializers.CharField(
        max_length=200, help_text="the column of the file that holds the expected answers"
    )
    promote_if_better_by = serializers.FloatField(required=False, min_value=0, help_text=MARGIN)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_fields(self)
        return attrs


class QueuedSerializer(serializers.Serializer[object]):
    job = JobSerializer()


class Retrain(APIView):
    def get_parsers(self) -> list[BaseParser]:
        """A form is a form; everything else is to be JSON."""
        asked: object = self.request  # none while the document of the API is made
        if isinstance(asked, HttpRequest) and _is_form(asked):
            return [OnlyMultipart()]
        return list(super().get_parsers())

    @extend_schema(
        request={
            "application/json": OrderSerializer,
            "multipart/form-data": OrderFormSerializer,
        },
        responses={202: QueuedSerializer},
        parameters=[IDEMPOTENCY],
    )
    def post(self, request: Request, name: str) -> Response:
        """Fit the champion's estimator anew as a new version; the job measures both."""
        actor = user_of(request)
        services.check_may_retrain(actor=actor, promoting=False)  # before the form is read
        job = services.order_retraining(
            model_name=name,
            actor=actor,
            origin=Job.Origin.REST,
            idempotency_key=idempotency_key(request),
            **_asked(request),
        )
        return Response(QueuedSerializer({"job": job}).data, status=202)


def _asked(request: Request) -> dict[str, Any]:
    if _is_form(request._request):
        return _form(request)
    try:
        order = msgspec.convert(request.data, Order)
    except msgspec.ValidationError as error:
        raise WrongParams(f"This is no order to retrain: {fault_of(error, Order)}.") from None
    given = {"rows": order.rows, "target": order.target}
    params = {name: value for name, value in given.items() if value is not None}
    return {"params": params, "promote_if_better_by": order.promote_if_better_by}


def _is_form(request: HttpRequest) -> bool:
    return (request.content_type or "").lower() == OnlyMultipart.media_type


def _form(request: Request) -> dict[str, Any]:
    form = OrderFormSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    given = form.validated_data
    return {
        "rows": services.RowsHandedIn(given["file"].chunks(), given["target"]),
        "promote_if_better_by": given.get("promote_if_better_by"),
    }
