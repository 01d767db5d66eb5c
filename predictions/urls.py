"""The prediction routes of Django's own; the lane's are in its table."""

from django.urls import re_path

from predictions.views import BatchQueued, PredictQueued, PredictSklearn, PredictSync

urlpatterns = [
    re_path(r"^predict-sync/?$", PredictSync.as_view(), name="predict-sync"),
    re_path(r"^predict-sklearn/?$", PredictSklearn.as_view(), name="predict-sklearn"),
    re_path(r"^predict/async/?$", PredictQueued.as_view(), name="predict-queued"),
    re_path(r"^batch/async/?$", BatchQueued.as_view(), name="batch-queued"),
]
