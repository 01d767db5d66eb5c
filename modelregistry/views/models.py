"""Models in REST: list, make, read, change, archive."""

import re

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from msgspec import UNSET
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.views.api import user_of
from jobs.views.paging import StrictCursors
from modelregistry import permissions, services
from modelregistry.models import RegisteredModel
from modelregistry.models.names import NAME
from modelregistry.serializers import ModelDetailSerializer, ModelSerializer
from modelregistry.views.bodies import (
    ModelChange,
    ModelChangeSerializer,
    NewModel,
    NewModelSerializer,
    read_body,
)
from modelregistry.views.permissions import CHANGING


class ByName(StrictCursors):
    ordering = "name"
    page_size = 100

    def is_place(self, text: str) -> bool:
        return re.match(NAME, text) is not None


class ModelList(ListAPIView[RegisteredModel]):
    """The models that are not archived, by name."""

    needs = {"POST": permissions.ADD_MODEL}
    permission_classes = CHANGING
    queryset = RegisteredModel.objects.none()  # tells the schema the type; get_queryset answers
    serializer_class = ModelSerializer
    pagination_class = ByName

    def get_queryset(self) -> QuerySet[RegisteredModel]:
        rows = RegisteredModel.objects.filter(archived_at=None).visible_to(user_of(self.request))
        return rows.with_champion().prefetch_related("groups")

    @extend_schema(request=NewModelSerializer, responses={201: ModelDetailSerializer})
    def post(self, request: Request) -> Response:
        """A model without versions; what it does is said by its first one."""
        wanted = read_body(request, NewModel)
        model = services.create_model(
            name=wanted.name,
            task="",
            description=wanted.description,
            visibility=wanted.visibility,
            groups=None if wanted.groups is UNSET else wanted.groups,
        )
        where = f"{reverse('model-detail', args=(model.name,))}/"
        return Response(_shown(model.name), status=201, headers={"Location": where})


class ModelDetail(RetrieveAPIView[RegisteredModel]):
    """One model, with its aliases."""

    needs = {
        "PATCH": permissions.CHANGE_MODEL,
        "DELETE": permissions.ARCHIVE_MODEL,
    }
    permission_classes = CHANGING
    queryset = RegisteredModel.objects.none()  # tells the schema the type; get_object answers
    serializer_class = ModelDetailSerializer

    def get_object(self) -> RegisteredModel:
        return _named(self.kwargs["name"], seen_by=user_of(self.request))

    @extend_schema(request=ModelChangeSerializer)
    def patch(self, request: Request, name: str) -> Response:
        """Change what is said of it: who may ask it, how it is served, and its parity budget."""
        wanted = read_body(request, ModelChange)
        services.change_model(
            name=name,
            changes=wanted.changes(),
            groups=None if wanted.groups is UNSET else wanted.groups,
            actor=user_of(request),
        )
        return Response(_shown(name))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Archive it: it is listed no more and takes no versions. Not while it serves."""
        services.archive(name=name, actor=user_of(request))
        return Response(status=204)


def _shown(name: str) -> object:
    """To who has just made or changed it, whether they see it from now on or not."""
    return ModelDetailSerializer(_named(name)).data


def _named(name: str, *, seen_by: User | None = None) -> RegisteredModel:
    rows = RegisteredModel.objects.with_champion().prefetch_related("aliases__version")
    return rows.named(name, seen_by=seen_by)
