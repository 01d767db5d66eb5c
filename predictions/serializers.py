"""Shapes of the tutorial's bodies and answers, for the API's documentation."""

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
