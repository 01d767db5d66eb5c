"""The moving part in REST: aliases, rollback, and the history of both."""

from datetime import UTC, datetime

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.errors import WrongFilter
from jobs.filters import Moment
from jobs.views.api import NewestFirst as ByTime
from jobs.views.api import user_of
from modelregistry import services
from modelregistry.models import AliasChange, RegisteredModel
from modelregistry.permissions import PROMOTE
from modelregistry.views.bodies import (
    AliasMove,
    AliasMoveSerializer,
    ReasonSerializer,
    Rollback,
    read_body,
)
from modelregistry.views.permissions import CHANGING
from modelregistry.views.versions import version_named

AT = OpenApiParameter(
    "at", OpenApiTypes.DATETIME, description="the version that was champion then; with its zone"
)


class MovedSerializer(serializers.Serializer[AliasChange]):
    alias = serializers.CharField()
    version = serializers.IntegerField(source="version.number")
    previous = serializers.IntegerField(source="previous.number", allow_null=True)


class ChangeSerializer(MovedSerializer):
    version = serializers.IntegerField(
        source="version.number", allow_null=True, help_text="null where it was taken away"
    )
    actor = serializers.CharField(
        source="actor.username", allow_null=True, help_text="null: by command, on the machine"
    )
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class HistorySerializer(serializers.Serializer[object]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ChangeSerializer(many=True)


class ThenSerializer(serializers.Serializer[object]):
    """What was champion at a time."""

    at = serializers.DateTimeField()
    version = serializers.IntegerField(allow_null=True)


class AliasDetail(APIView):
    needs = {"PUT": PROMOTE, "DELETE": PROMOTE}
    permission_classes = CHANGING

    @extend_schema(request=AliasMoveSerializer, responses=MovedSerializer)
    def put(self, request: Request, name: str, alias: str) -> Response:
        """Point the alias to a version; champion is what serves, so that is its promotion."""
        wanted = read_body(request, AliasMove)
        change = services.move_alias(
            version=version_named(request, name, wanted.version),
            alias=alias,
            actor=user_of(request),
            reason=wanted.reason,
        )
        return Response(MovedSerializer(change).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str, alias: str) -> Response:
        """Take the alias away; the champion stays."""
        model = RegisteredModel.objects.named(name, seen_by=user_of(request))
        services.remove_alias(model=model, alias=alias, actor=user_of(request))
        return Response(status=204)


class RollbackView(APIView):
    needs = {"POST": PROMOTE}
    permission_classes = CHANGING

    @extend_schema(request=ReasonSerializer, responses=MovedSerializer)
    def post(self, request: Request, name: str) -> Response:
        """Back to what was champion before; repeated, further back, until a promotion."""
        wanted = read_body(request, Rollback)
        model = RegisteredModel.objects.named(name, seen_by=user_of(request))
        change = services.rollback(model=model, actor=user_of(request), reason=wanted.reason)
        return Response(MovedSerializer(change).data)


class NewestFirst(ByTime):
    ordering = ("-at", "-id")
    page_size = 100


class History(APIView):
    @extend_schema(
        parameters=[AT, OpenApiParameter("cursor")],
        responses=PolymorphicProxySerializer(
            component_name="HistoryOrThen",
            serializers=[HistorySerializer, ThenSerializer],
            resource_type_field_name=None,
        ),
    )
    def get(self, request: Request, name: str) -> Response:
        """Every move of its aliases, the newest first; with `at`, what was champion then."""
        model = RegisteredModel.objects.named(name, seen_by=user_of(request))
        if "at" in request.query_params:
            return Response(_then(model, _moment(request.query_params["at"])))
        pages = NewestFirst()
        lines = model.changes.select_related("version", "previous", "actor")
        page = pages.paginate_queryset(lines, request, view=self) or []
        return pages.get_paginated_response(ChangeSerializer(page, many=True).data)  # type: ignore[arg-type]  # many


def _then(model: RegisteredModel, moment: datetime) -> object:
    version = AliasChange.objects.version_at(model, moment)
    return ThenSerializer({"at": moment, "version": version and version.number}).data


def _moment(text: str) -> datetime:
    """A `+` that was not escaped has become a space. Raises WrongFilter."""
    try:
        moment: datetime = msgspec.convert(text.replace(" ", "+"), Moment)
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise WrongFilter(
            "at takes a time with its zone: 2026-01-31T12:00:00Z, for example."
        ) from None
