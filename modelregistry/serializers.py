"""Shapes of models and versions in REST; no behaviour."""

from django.contrib.auth.models import User
from rest_framework import serializers

from modelregistry.models import ModelVersion, RegisteredModel


class TensorSerializer(serializers.Serializer[object]):
    name = serializers.CharField()
    datatype = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField())


class SignatureSerializer(serializers.Serializer[object]):
    inputs = TensorSerializer(many=True)
    outputs = TensorSerializer(many=True)
    columns = serializers.ListField(child=serializers.CharField())


class ParitySummarySerializer(serializers.Serializer[object]):
    """How a version's ONNX form compares with its source, in a few numbers."""

    status = serializers.CharField(help_text="match, mismatch, or none where nothing was compared")
    rows = serializers.IntegerField()
    label_mismatches = serializers.IntegerField()
    ties = serializers.IntegerField()
    on_threshold = serializers.IntegerField(
        help_text="rows within one float32 step of a split of the model; they never block"
    )
    max_abs_diff = serializers.FloatField(
        allow_null=True, help_text="of all rows; null where a difference is not finite"
    )
    threshold_diff = serializers.FloatField(
        allow_null=True,
        required=False,
        help_text="of the rows on_threshold; null also in reports made before it was kept",
    )


class ParitySetSerializer(ParitySummarySerializer):
    """The comparison over one set of rows."""

    status = None  # type: ignore[assignment]
    name = serializers.CharField(help_text="samples, held-out or generated")
    beyond = serializers.IntegerField(help_text="rows with a number out of tolerance")


class ParityReportSerializer(ParitySummarySerializer):
    """The whole comparison."""

    beyond = serializers.IntegerField()
    tolerance = serializers.FloatField(required=False, help_text="absolute or relative")
    rows_from = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())
    sets = ParitySetSerializer(many=True)
    first_source = serializers.ListField(child=serializers.JSONField())
    first_onnx = serializers.ListField(child=serializers.JSONField())


class ModelSerializer(serializers.ModelSerializer[RegisteredModel]):
    groups = serializers.SerializerMethodField()
    champion = serializers.IntegerField(allow_null=True, read_only=True)

    class Meta:
        model = RegisteredModel
        fields = ["name", "description", "task", "visibility", "groups", "champion", "created_at"]

    def get_groups(self, model: RegisteredModel) -> list[str]:
        """Models are open to all or to everyone with a key; groups are not asked for yet."""
        return []


class ModelDetailSerializer(ModelSerializer):
    aliases = serializers.SerializerMethodField()

    class Meta(ModelSerializer.Meta):
        fields = [*ModelSerializer.Meta.fields, "aliases"]

    def get_aliases(self, model: RegisteredModel) -> dict[str, int]:
        return {alias.name: alias.version.number for alias in model.aliases.all()}


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    version = serializers.IntegerField(source="number")
    size_bytes = serializers.IntegerField(help_text="of the artifact that is served")
    onnx_sha256 = serializers.SerializerMethodField()
    signature = SignatureSerializer()
    classes = serializers.ListField(child=serializers.JSONField(), allow_null=True)
    metrics = serializers.DictField(child=serializers.FloatField())
    parity = ParitySummarySerializer()
    created_by = serializers.SlugRelatedField[User](
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = ModelVersion
        fields = [
            "version",
            "state",
            "runtime",
            "format",
            "size_bytes",
            "source_sha256",
            "onnx_sha256",
            "signature",
            "classes",
            "metrics",
            "parity",
            "input_example",
            "library_versions",
            "reason",
            "created_at",
            "created_by",
        ]

    def get_onnx_sha256(self, version: ModelVersion) -> str | None:
        return version.onnx_sha256 or None
