"""Shapes of models and versions in REST; no behaviour."""

from typing import Any

import msgspec
from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs.kinds import holds_nul
from jobs.serializers import JobSerializer
from modelregistry import services
from modelregistry.ingestion.libraries import library_differences
from modelregistry.models import ModelVersion, RegisteredModel

METADATA_BYTES = 64_000
CSRF_FIELD = "csrfmiddlewaretoken"  # of a form that a signed-in browser sends


class TensorSerializer(serializers.Serializer[object]):
    name = serializers.CharField()
    datatype = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField())


class SignatureSerializer(serializers.Serializer[object]):
    inputs = TensorSerializer(many=True)
    outputs = TensorSerializer(many=True)
    columns = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(
        child=serializers.CharField(), default=list, help_text="columns in which null is allowed"
    )


class ParitySummarySerializer(serializers.Serializer[object]):
    """How a version's ONNX form compares with its source, in a few numbers."""

    status = serializers.CharField(help_text="match, mismatch, or none where nothing was compared")
    rows = serializers.IntegerField()
    label_mismatches = serializers.IntegerField()
    ties = serializers.IntegerField()
    on_threshold = serializers.IntegerField(
        help_text="rows with a number out of tolerance within one float32 step of a split of "
        "the model; they never block"
    )
    max_abs_diff = serializers.FloatField(
        allow_null=True, help_text="of all rows; null where a difference is not finite"
    )
    threshold_diff = serializers.FloatField(
        allow_null=True,
        required=False,
        help_text="of the rows on_threshold; null also in reports made before it was kept",
    )


class BinSerializer(serializers.Serializer[object]):
    up_to = serializers.FloatField(allow_null=True, help_text="null: more, or not finite")
    rows = serializers.IntegerField()


class WorstRowSerializer(serializers.Serializer[object]):
    row = serializers.IntegerField(help_text="its place in its set, from 1")
    verdict = serializers.CharField(help_text="label, number, tie, threshold or within")
    values = serializers.ListField(
        child=serializers.JSONField(), allow_null=True, help_text="null: over 100 of them"
    )
    source = serializers.JSONField()  # type: ignore[assignment]
    onnx = serializers.JSONField()
    difference = serializers.FloatField(allow_null=True)


class LatencySerializer(serializers.Serializer[object]):
    rows = serializers.IntegerField()
    source_ms = serializers.FloatField(allow_null=True)
    onnx_ms = serializers.FloatField(allow_null=True)


class FormSerializer(serializers.Serializer[object]):
    """The ONNX form beside its source; null is not measured."""

    dtype = serializers.CharField()
    opset = serializers.IntegerField()
    source_bytes = serializers.IntegerField(allow_null=True)
    onnx_bytes = serializers.IntegerField()
    source_load_ms = serializers.FloatField(allow_null=True)
    onnx_load_ms = serializers.FloatField()
    latency = LatencySerializer(many=True)


class SpreadSerializer(ParitySummarySerializer):
    """More of the differences than a summary has; reports made earlier lack it."""

    labels_on_threshold = serializers.IntegerField(
        required=False, help_text="label mismatches that lie there; those that decide block"
    )
    mean_abs_diff = serializers.FloatField(allow_null=True, required=False)
    p99_abs_diff = serializers.FloatField(allow_null=True, required=False)
    histogram = BinSerializer(many=True, required=False, help_text="rows by difference")


class ParitySetSerializer(SpreadSerializer):
    """The comparison over one set of rows."""

    status = None  # type: ignore[assignment]
    name = serializers.CharField(help_text="samples, held-out or generated")
    decides = serializers.BooleanField(
        required=False, help_text="false: shown beside the budget, whatever it comes to"
    )
    beyond = serializers.IntegerField(help_text="rows with a number out of tolerance")
    worst = WorstRowSerializer(
        many=True, required=False, help_text="for those who hold modelregistry.view_modelversion"
    )


class ParityReportSerializer(SpreadSerializer):
    """The whole comparison; its own figures are of the rows that decide."""

    beyond = serializers.IntegerField()
    no_finite_answer = serializers.BooleanField(
        required=False, help_text="to any of these rows: then it is no match, and may not serve"
    )
    tolerance = serializers.FloatField(required=False, help_text="absolute or relative")
    allowed_mismatches = serializers.IntegerField(required=False)
    rows_from = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())
    sets = ParitySetSerializer(many=True)
    first_source = serializers.ListField(child=serializers.JSONField())
    first_onnx = serializers.ListField(child=serializers.JSONField())
    form = FormSerializer(required=False, allow_null=True)


class ModelSerializer(serializers.ModelSerializer[RegisteredModel]):
    groups = serializers.SerializerMethodField()
    champion = serializers.IntegerField(allow_null=True, read_only=True)

    class Meta:
        model = RegisteredModel
        fields = ["name", "description", "task", "visibility", "groups", "champion", "created_at"]

    def get_groups(self, model: RegisteredModel) -> list[str]:
        """Names of those that it is for, where its visibility is groups."""
        if model.visibility != RegisteredModel.Visibility.GROUPS:
            return []
        return sorted(group.name for group in model.groups.all())


class ServingSerializer(serializers.ModelSerializer[RegisteredModel]):
    """How its callers are served; applied by running processes within a second."""

    class Meta:
        model = RegisteredModel
        fields = ["max_batch_rows", "max_wait_ms", "max_queue_rows", "deadline_ms", "cache_ttl_s"]


class ModelDetailSerializer(ModelSerializer):
    answering = serializers.SerializerMethodField(
        help_text="the version that answers by the model's name: its champion, or what stands in "
        "while the champion's file is damaged; null where none does"
    )
    aliases = serializers.SerializerMethodField()
    serving = ServingSerializer(source="*")

    class Meta(ModelSerializer.Meta):
        fields = [
            *ModelSerializer.Meta.fields,
            "answering", "aliases", "serving", "tolerance", "allowed_mismatches",
        ]  # fmt: skip

    def get_answering(self, model: RegisteredModel) -> int | None:
        return services.answering_number(model)

    def get_aliases(self, model: RegisteredModel) -> dict[str, int]:
        return {alias.name: alias.version.number for alias in model.aliases.all()}


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    version = serializers.IntegerField(source="number")
    size_bytes = serializers.IntegerField(help_text="of the artifact that is served")
    onnx_sha256 = serializers.SerializerMethodField()
    runtime = serializers.SerializerMethodField()
    format = serializers.SerializerMethodField()
    signature = serializers.SerializerMethodField()
    classes = serializers.ListField(child=serializers.JSONField(), allow_null=True)
    metrics = serializers.DictField(child=serializers.FloatField())
    parity = serializers.SerializerMethodField()
    library_warnings = serializers.SerializerMethodField(
        help_text="where other libraries run here than made the version: a sentence for each"
    )
    reason = serializers.CharField(source="why")
    created_by = serializers.SlugRelatedField[User](
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = ModelVersion
        fields = [
            "version", "state", "runtime", "format", "size_bytes", "source_sha256", "onnx_sha256",
            "signature", "classes", "metrics", "parity", "input_example", "metadata",
            "library_versions", "library_warnings", "reason", "created_at", "created_by",
        ]  # fmt: skip

    def get_onnx_sha256(self, version: ModelVersion) -> str | None:
        return version.onnx_sha256 or None

    def get_library_warnings(self, version: ModelVersion) -> list[str]:
        return [difference.sentence for difference in library_differences(version)]

    @extend_schema_field(serializers.ChoiceField(choices=["onnx", "sklearn"], allow_null=True))
    def get_runtime(self, version: ModelVersion) -> str | None:
        """Null until the file was found to be a model, as signature, format and parity are."""
        return version.runtime or None

    @extend_schema_field(serializers.ChoiceField(choices=["skops", "onnx"], allow_null=True))
    def get_format(self, version: ModelVersion) -> str | None:
        return version.format or None

    @extend_schema_field(SignatureSerializer(allow_null=True))
    def get_signature(self, version: ModelVersion) -> object:
        return SignatureSerializer(version.signature).data if version.signature else None

    @extend_schema_field(ParitySummarySerializer(allow_null=True))
    def get_parity(self, version: ModelVersion) -> object:
        return ParitySummarySerializer(version.parity).data if version.parity else None


@extend_schema_field(OpenApiTypes.OBJECT)
class MetadataField(serializers.Field[dict[str, Any], Any, Any, object]):
    """A JSON object of the sender's own words, as text or as a file."""

    default_error_messages = {
        "too_long": f"At most {METADATA_BYTES:,} bytes are kept.",
        "no_object": "This is no JSON object.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        size = data.size if hasattr(data, "size") else len(data.encode())
        if size > METADATA_BYTES:
            self.fail("too_long")
        raw = data.read() if hasattr(data, "read") else data.encode()
        try:
            found = msgspec.json.decode(raw, type=dict[str, Any])
        except (ValueError, RecursionError):
            self.fail("no_object")
        if holds_nul(msgspec.json.encode(found)):
            self.fail("no_object")
        return found


def check_fields(form: serializers.Serializer[Any]) -> None:
    """Those it knows, each once. Raises ValidationError."""
    known = ", ".join(form.fields)
    for name in form.initial_data:
        if name not in form.fields and name != CSRF_FIELD:
            raise serializers.ValidationError(f"There is a field too many; known are {known}.")
        if len(form.initial_data.getlist(name)) > 1:
            raise serializers.ValidationError(f"The field {name} may come once.")


class HandInSerializer(serializers.Serializer[object]):
    """The form that hands in a version; its files stay on disk."""

    file = serializers.FileField(help_text="the model: .skops or .onnx")
    samples = serializers.FileField(
        required=False, help_text="rows to prove the conversion on: CSV, JSON lines or Parquet"
    )
    target = serializers.CharField(
        required=False,
        max_length=200,
        help_text="the column of the samples that holds the expected answers",
    )
    metadata = MetadataField(required=False, help_text="a JSON object, kept with the version")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_fields(self)
        if "target" in attrs and "samples" not in attrs:
            raise serializers.ValidationError({"target": "There are no samples that have it."})
        return attrs


class OrderedSerializer(serializers.Serializer[object]):
    """The job that does what was asked."""

    job = JobSerializer()


class HandedInSerializer(serializers.Serializer[object]):
    """A version that waits, and the job that checks its file."""

    version = serializers.IntegerField(source="number")
    state = serializers.CharField()
    job = JobSerializer()
