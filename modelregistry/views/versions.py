"""Versions in REST: reading, handing in, converting."""

import re

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.models import Job
from jobs.services import submit
from jobs.views.api import IDEMPOTENCY, idempotency_key, user_of
from jobs.views.paging import StrictCursors
from modelregistry import permissions, services
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.parsers import OnlyMultipart
from modelregistry.serializers import (
    HandedInSerializer,
    HandInSerializer,
    OrderedSerializer,
    ParityReportSerializer,
    VersionSerializer,
)
from modelregistry.services.handing_out import report_of, without_rows
from modelregistry.tasks import CONVERT, conversion_of
from modelregistry.views.bodies import Conversion, ConversionSerializer, read_body
from modelregistry.views.permissions import CHANGING


class NewestFirst(StrictCursors):
    ordering = "-number"
    page_size = 100

    def is_place(self, text: str) -> bool:
        return re.fullmatch("[0-9]{1,9}", text) is not None


class VersionList(ListAPIView[ModelVersion]):
    """A model's versions, the newest first."""

    parser_classes = (OnlyMultipart,)
    queryset = ModelVersion.objects.none()  # tells the schema the type; get_queryset answers
    serializer_class = VersionSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[ModelVersion]:
        model = RegisteredModel.objects.named(self.kwargs["name"], seen_by=user_of(self.request))
        return model.versions.select_related("created_by")

    @extend_schema(
        request={"multipart/form-data": HandInSerializer},
        responses={202: HandedInSerializer},
        parameters=[IDEMPOTENCY],
    )
    def post(self, request: Request, name: str) -> Response:
        """Hand in a version: its file is kept before this answers, and checked by a job."""
        if not request.user.has_perm(permissions.HAND_IN):
            raise PermissionDenied
        services.check_open(name, seen_by=user_of(request))  # before the form is read
        version = services.hand_in(
            model_name=name,
            upload=_upload(request),
            actor=user_of(request),
            idempotency_key=idempotency_key(request),
        )
        job = Job.objects.select_related("owner").find(str(version.job_id))
        facts = {"number": version.number, "state": version.state, "job": job}
        return Response(HandedInSerializer(facts).data, status=202)


def _upload(request: Request) -> services.Upload:
    form = HandInSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    given = form.validated_data
    samples = given.get("samples")
    return services.Upload(
        source=given["file"].chunks(),
        samples=samples.chunks() if samples else None,
        target=given.get("target", ""),
        metadata=given.get("metadata", {}),
    )


def version_named(request: Request, name: str, number: int | str) -> ModelVersion:
    """That version, as who asks sees it. Raises UnknownModel, UnknownVersion."""
    return ModelVersion.objects.find(name, int(number), seen_by=user_of(request))


class VersionDetail(APIView):
    @extend_schema(responses=VersionSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """One version."""
        return Response(VersionSerializer(version_named(request, name, number)).data)


class VersionReport(APIView):
    @extend_schema(responses=ParityReportSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """The proof that the version's ONNX form answers like its source, in full.

        Its `worst` rows hold values of rows that were handed in: they are for those who hold
        `modelregistry.view_modelversion`. 409 `not_checked` until the version is checked.
        """
        report = report_of(version_named(request, name, number))
        may_see_rows = request.user.has_perm(permissions.VIEW_VERSION)
        return Response(report if may_see_rows else without_rows(report))


class VersionConvert(APIView):
    needs = {"POST": permissions.CONVERT}
    permission_classes = CHANGING

    @extend_schema(request=ConversionSerializer, responses={202: OrderedSerializer})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Have a job convert it to ONNX and prove that both answer alike."""
        wanted = read_body(request, Conversion)
        version = version_named(request, name, number)
        params = conversion_of(version, wanted.options)
        job = submit(kind=CONVERT, params=params, owner=user_of(request))
        return Response(OrderedSerializer({"job": job}).data, status=202)
