"""Shapes of bodies and answers, for the API's documentation."""

from rest_framework import serializers


class FeatureRowSerializer(serializers.Serializer[object]):
    features = serializers.ListField(child=serializers.FloatField(), min_length=1)


class FeatureRowsSerializer(serializers.Serializer[object]):
    features = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=1), min_length=1
    )


class SingleAnswerSerializer(serializers.Serializer[object]):
    prediction = serializers.FloatField()
    duration_ms = serializers.FloatField()
    mode = serializers.CharField()


class FrameworkAnswerSerializer(serializers.Serializer[object]):
    predictions = serializers.ListField(child=serializers.FloatField())
    count = serializers.IntegerField()
    duration_ms = serializers.FloatField()
    framework = serializers.CharField()


class BatchFeaturesSerializer(serializers.Serializer[object]):
    batch_features = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=1), min_length=1
    )


class SubmittedSerializer(serializers.Serializer[object]):
    task_id = serializers.UUIDField()
    status = serializers.CharField()
    message = serializers.CharField()


class BatchSubmittedSerializer(serializers.Serializer[object]):
    task_id = serializers.UUIDField()
    status = serializers.CharField()
    batch_size = serializers.IntegerField()


class PredictionSchemaSerializer(serializers.Serializer[object]):
    model = serializers.CharField()
    version = serializers.IntegerField(help_text="the one that is described")
    request = serializers.DictField(help_text="JSON Schema of bodies it takes")
    answer = serializers.DictField(help_text="JSON Schema of its answers")
    example = serializers.DictField(help_text="a body it takes: its stored input example")
