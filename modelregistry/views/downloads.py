"""A version's files in REST, piece by piece."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from jobs.errors import WrongFilter
from modelregistry.models import ModelVersion
from modelregistry.permissions import VIEW_VERSION
from modelregistry.pieces import FileInPieces
from modelregistry.services import store
from modelregistry.services.handing_out import ONNX, SOURCE, artifact_of
from modelregistry.views.versions import version_named

FORMATS = (ONNX, SOURCE)
FORMAT = OpenApiParameter(
    "format",
    enum=FORMATS,
    description="onnx, or the file that was handed in; without it, what serves",
)


class AsItIs(BaseContentNegotiation):
    """A file is a file whatever Accept says, and `format` is a word of ours."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class Download(APIView):
    content_negotiation_class = AsItIs

    @extend_schema(
        parameters=[FORMAT], responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, name: str, number: int) -> HttpResponseBase:
        """The version's file; its ETag is the file's sha256.

        A `.skops` file that was handed in is for those who hold `modelregistry.view_modelversion`,
        also where it is what serves. A file handed in as ONNX is its ONNX form, and open to whoever
        may ask the model; only under the name `source` it takes that permission too.
        """
        version = version_named(request, name, number)
        form = _form(request, version)
        if form == SOURCE and not request.user.has_perm(VIEW_VERSION):
            raise PermissionDenied
        artifact = artifact_of(version, form)
        etag = f'"{artifact.sha256}"'
        headers = {"ETag": etag}
        known = get_conditional_response(
            request._request, etag=etag, response=HttpResponse(headers=headers)
        )
        if known is not None and known.status_code != HTTPStatus.OK:
            return known  # who asks has it, or asks for another one
        return FileInPieces(
            store().open(artifact.sha256),
            as_attachment=True,
            filename=artifact.file_name,
            content_type="application/octet-stream",
            headers=headers,
        )


def _form(request: Request, version: ModelVersion) -> str:
    """Raises WrongFilter."""
    served = ONNX if version.runtime == ModelVersion.Runtime.ONNX else SOURCE
    form = request.query_params.get("format", served)
    if form not in FORMATS:
        raise WrongFilter("format is onnx or source.")
    return form
