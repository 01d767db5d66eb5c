"""API keys in REST: one's own are listed, issued and revoked. Other people's are unknown."""

from typing import Annotated
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.filters import Moment
from jobs.views.api import NewestFirst, user_of
from mlapi import issuing
from mlapi.auth import KnownKey
from mlapi.errors import UnknownKey
from mlapi.models import ApiKey
from modelregistry.views.bodies import Strict, read_body

LONGEST_NAME = 100


class NewKey(Strict, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00]*$")]
    expires_at: Moment | None = None


class NewKeySerializer(serializers.Serializer[object]):
    """The same, for the API's documentation."""

    name = serializers.CharField(max_length=LONGEST_NAME, help_text="what the key is for")
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="with its zone; left out: valid until revoked"
    )


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    id = serializers.UUIDField(source="public_id")
    prefix = serializers.CharField(source="token_key")
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)

    class Meta:
        model = ApiKey
        fields = ["id", "prefix", "name", "created_at", "expires_at", "last_used_at", "revoked_at"]


class IssuedKeySerializer(KeySerializer):
    key = serializers.CharField(help_text="shown this once")

    class Meta(KeySerializer.Meta):
        fields = [*KeySerializer.Meta.fields, "key"]


class KeysNewestFirst(NewestFirst):
    ordering = ("-created", "-public_id")


class KeyList(ListAPIView[ApiKey]):
    queryset = ApiKey.objects.none()  # tells the schema the type; get_queryset answers
    serializer_class = KeySerializer
    pagination_class = KeysNewestFirst

    def get_queryset(self) -> QuerySet[ApiKey]:
        return _own(self.request)

    def get(self, request: Request) -> Response:
        """One's own keys, the newest first, without what opens anything."""
        return super().get(request)

    @extend_schema(request=NewKeySerializer, responses={201: IssuedKeySerializer})
    def post(self, request: Request) -> Response:
        """A new key for oneself. What a key makes ends when it ends, at the latest."""
        wanted = read_body(request, NewKey)
        made, text = issuing.issue(
            owner=user_of(request),
            name=wanted.name,
            expires_at=wanted.expires_at,
            actor=user_of(request),
            by=request.auth.expiry if isinstance(request.auth, KnownKey) else None,
        )
        shown = {**KeySerializer(made).data, "key": text}
        return Response(shown, status=201, headers={"Cache-Control": "no-store"})


class KeyDetail(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        """Revoke it: it stops working within a second, everywhere. It may be the caller's."""
        issuing.revoke(keys=[_find(_own(request), key_id)])
        return Response(status=204)


def _own(request: Request) -> QuerySet[ApiKey]:
    keys: QuerySet[ApiKey] = ApiKey.objects.filter(user=user_of(request))
    return keys


def _find(keys: QuerySet[ApiKey], key_id: str) -> ApiKey:
    try:
        return keys.get(public_id=UUID(key_id))
    except (ValueError, ApiKey.DoesNotExist):
        raise UnknownKey("There is no such key of yours.") from None
