"""REST addresses of models and versions, each with and without its last slash."""

from django.urls import re_path

from modelregistry import views

MODELS = r"^api/v1/models"
MODEL = rf"{MODELS}/(?P<name>[a-z0-9][a-z0-9._-]*)"
VERSION = rf"{MODEL}/versions/(?P<number>[0-9]{{1,9}})"

urlpatterns = [
    re_path(rf"{MODELS}/?$", views.ModelList.as_view(), name="model-list"),
    re_path(rf"{MODEL}/?$", views.ModelDetail.as_view(), name="model-detail"),
    re_path(rf"{MODEL}/versions/?$", views.VersionList.as_view(), name="version-list"),
    re_path(rf"{VERSION}/?$", views.VersionDetail.as_view(), name="version-detail"),
    re_path(rf"{VERSION}/report/?$", views.VersionReport.as_view(), name="version-report"),
]
