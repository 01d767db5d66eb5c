"""Models and versions in REST, for reading."""

import re

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.views.paging import StrictCursors
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.models.names import NAME
from modelregistry.serializers import (
    ModelDetailSerializer,
    ModelSerializer,
    ParityReportSerializer,
    VersionSerializer,
)


class ByName(StrictCursors):
    ordering = "name"
    page_size = 100

    def is_place(self, text: str) -> bool:
        return re.match(NAME, text) is not None


class NewestFirst(StrictCursors):
    ordering = "-number"
    page_size = 100

    def is_place(self, text: str) -> bool:
        return re.fullmatch("[0-9]{1,9}", text) is not None


class ModelList(ListAPIView[RegisteredModel]):
    """The models that are not archived, by name."""

    queryset = RegisteredModel.objects.filter(archived_at=None).with_champion()
    serializer_class = ModelSerializer
    pagination_class = ByName


class ModelDetail(RetrieveAPIView[RegisteredModel]):
    """One model, with its aliases."""

    queryset = RegisteredModel.objects.with_champion().prefetch_related("aliases__version")
    serializer_class = ModelDetailSerializer

    def get_object(self) -> RegisteredModel:
        return self.get_queryset().named(self.kwargs["name"])  # type: ignore[attr-defined,no-any-return]


class VersionList(ListAPIView[ModelVersion]):
    """A model's versions, the newest first."""

    queryset = ModelVersion.objects.none()  # tells the schema the type; get_queryset answers
    serializer_class = VersionSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[ModelVersion]:
        model = RegisteredModel.objects.named(self.kwargs["name"])
        return model.versions.select_related("created_by")


class VersionDetail(APIView):
    @extend_schema(responses=VersionSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """One version."""
        return Response(VersionSerializer(ModelVersion.objects.find(name, int(number))).data)


class VersionReport(APIView):
    @extend_schema(responses=ParityReportSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """The proof that the version's ONNX form answers like its source, in full."""
        return Response(ModelVersion.objects.find(name, int(number)).parity)
