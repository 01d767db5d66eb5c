"""The prediction routes of Django's own; the lane's are in its table."""

from django.urls import re_path

from predictions.views import (
    BatchQueued,
    PredictionSchema,
    PredictQueued,
    PredictSklearn,
    PredictSync,
)

MODEL = r"^api/v1/models/(?P<name>[a-z0-9][a-z0-9._-]*)"

urlpatterns = [
    re_path(r"^predict-sync/?$", PredictSync.as_view(), name="predict-sync"),
    re_path(r"^predict-sklearn/?$", PredictSklearn.as_view(), name="predict-sklearn"),
    re_path(r"^predict/async/?$", PredictQueued.as_view(), name="predict-queued"),
    re_path(r"^batch/async/?$", BatchQueued.as_view(), name="batch-queued"),
    re_path(rf"{MODEL}/schema/?$", PredictionSchema.as_view(), name="model-schema"),
    re_path(
        rf"{MODEL}/versions/(?P<number>[0-9]{{1,9}})/schema/?$",
        PredictionSchema.as_view(),
        name="version-schema",
    ),
]
