"""What the registry's routes take, decoded strictly; the same for the API's documentation."""

from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import msgspec
from django.http import QueryDict
from msgspec import UNSET, Meta, UnsetType
from rest_framework import serializers
from rest_framework.request import Request

from jobs.errors import WrongParams
from jobs.kinds import fault_of
from modelregistry.conversion.options import HIGHEST_OPSET, LADDER, LOWEST_OPSET, Options
from modelregistry.models import RegisteredModel
from modelregistry.models.names import LONGEST_TEXT
from modelregistry.models.serving import (
    LONGEST_CACHE_S,
    LONGEST_DEADLINE_MS,
    LONGEST_WAIT_MS,
    MOST_BATCH_ROWS,
    MOST_QUEUE_ROWS,
)
from modelregistry.serializers import ServingSerializer

Text = Annotated[str, Meta(max_length=LONGEST_TEXT, pattern=r"^[^\x00]*$")]  # databases keep no NUL
Visibility = Literal["public", "signed-in", "groups"]
Groups = Annotated[list[Annotated[str, Meta(max_length=150)]], Meta(max_length=1000)]  # names
Tolerance = Annotated[float, Meta(ge=0, le=1)]
Mismatches = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Body = TypeVar("Body", bound="Strict")


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class NewModel(Strict, frozen=True, kw_only=True):
    name: str
    description: Text = ""
    visibility: Visibility = "signed-in"
    groups: Groups | UnsetType = UNSET


class ServingChange(Strict, frozen=True, kw_only=True):
    """What is not named stays as it is."""

    max_batch_rows: Annotated[int, Meta(ge=1, le=MOST_BATCH_ROWS)] | UnsetType = UNSET
    max_wait_ms: Annotated[float, Meta(ge=0, le=LONGEST_WAIT_MS)] | UnsetType = UNSET
    max_queue_rows: Annotated[int, Meta(ge=1, le=MOST_QUEUE_ROWS)] | UnsetType = UNSET
    deadline_ms: Annotated[int, Meta(ge=1, le=LONGEST_DEADLINE_MS)] | UnsetType | None = UNSET
    cache_ttl_s: Annotated[float, Meta(ge=0, le=LONGEST_CACHE_S)] | UnsetType = UNSET


class ModelChange(Strict, frozen=True, kw_only=True):
    """What is not named stays as it is."""

    description: Text | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    groups: Groups | UnsetType = UNSET
    tolerance: Tolerance | UnsetType = UNSET
    allowed_mismatches: Mismatches | UnsetType = UNSET
    serving: ServingChange | UnsetType = UNSET

    def changes(self) -> dict[str, object]:
        """By the model's fields."""
        found: dict[str, object] = msgspec.to_builtins(self)
        found.pop("groups", None)  # which is no column of its
        serving = found.pop("serving", {})
        assert isinstance(serving, dict)
        return found | serving


class AliasMove(Strict, frozen=True, kw_only=True):
    version: Annotated[int, Meta(ge=1, le=999_999_999)]
    reason: Text = ""


class Rollback(Strict, frozen=True, kw_only=True):
    reason: Text = ""


class Conversion(Strict, frozen=True, kw_only=True):
    options: Options | None = None


def read_body(request: Request, body: type[Body]) -> Body:
    """No body at all is an empty one. Raises WrongParams."""
    given: Any = request.data
    if isinstance(given, QueryDict):  # what an empty body under a form's type comes to
        given = given.dict()
    try:
        return msgspec.convert(given, body)
    except msgspec.ValidationError as error:
        raise WrongParams(f"This body does not fit: {_words(error, body)}.") from None


def _words(error: msgspec.ValidationError, body: type[Strict]) -> str:
    what, _, where = str(error).partition(" - at ")
    if "matching regex" in what:
        return f"a text holds a NUL character at {where}"
    if what.startswith("Object contains unknown field") and where:
        known = ", ".join(_struct_at(where, body).__struct_encode_fields__)
        return f"there is a name too many at {where}; known are {known}"
    return fault_of(error, body)


def _struct_at(where: str, body: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """What belongs at a place like `$.serving`."""
    found = body
    for name in where.strip("`").split(".")[1:]:
        hint = get_type_hints(found)[name]
        types = (one for one in (hint, *get_args(hint)) if isinstance(one, type))
        (found,) = (one for one in types if issubclass(one, msgspec.Struct))
    return found


class GroupNames(serializers.ListField):
    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "names of groups; only where visibility is groups")
        child = serializers.CharField(max_length=150)
        super().__init__(child=child, required=False, **options)


class NewModelSerializer(serializers.Serializer[object]):
    name = serializers.CharField(max_length=64)
    description = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_TEXT)
    visibility = serializers.ChoiceField(RegisteredModel.Visibility.choices, required=False)
    groups = GroupNames()


class ModelChangeSerializer(serializers.Serializer[object]):
    """What is not named stays as it is."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_TEXT)
    visibility = serializers.ChoiceField(RegisteredModel.Visibility.choices, required=False)
    groups = GroupNames()
    tolerance = serializers.FloatField(required=False, min_value=0, max_value=1)
    allowed_mismatches = serializers.IntegerField(required=False, min_value=0)
    serving = ServingSerializer(required=False, partial=True)


class ReasonSerializer(serializers.Serializer[object]):
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST_TEXT, help_text="kept in the history"
    )


class AliasMoveSerializer(ReasonSerializer):
    version = serializers.IntegerField(min_value=1)


class OptionsSerializer(serializers.Serializer[object]):
    dtypes = serializers.ListField(
        child=serializers.ChoiceField(LADDER),
        required=False,
        help_text="the precisions that are tried, in this order",
    )
    opset = serializers.IntegerField(
        required=False, allow_null=True, min_value=LOWEST_OPSET, max_value=HIGHEST_OPSET
    )


class ConversionSerializer(serializers.Serializer[object]):
    options = OptionsSerializer(required=False, allow_null=True)
