"""REST addresses of models and versions, each with and without its last slash."""

from django.urls import re_path

from modelregistry.views import aliases, downloads, models, retraining, versions

MODELS = r"^api/v1/models"
MODEL = rf"{MODELS}/(?P<name>[a-z0-9][a-z0-9._-]*)"
VERSION = rf"{MODEL}/versions/(?P<number>[0-9]{{1,9}})"

urlpatterns = [
    re_path(rf"{MODELS}/?$", models.ModelList.as_view(), name="model-list"),
    re_path(rf"{MODEL}/?$", models.ModelDetail.as_view(), name="model-detail"),
    re_path(rf"{MODEL}/aliases/(?P<alias>[^/]+)/?$", aliases.AliasDetail.as_view(), name="alias"),
    re_path(rf"{MODEL}/rollback/?$", aliases.RollbackView.as_view(), name="model-rollback"),
    re_path(rf"{MODEL}/history/?$", aliases.History.as_view(), name="model-history"),
    re_path(rf"{MODEL}/retrain/?$", retraining.Retrain.as_view(), name="model-retrain"),
    re_path(rf"{MODEL}/versions/?$", versions.VersionList.as_view(), name="version-list"),
    re_path(rf"{VERSION}/?$", versions.VersionDetail.as_view(), name="version-detail"),
    re_path(rf"{VERSION}/report/?$", versions.VersionReport.as_view(), name="version-report"),
    re_path(rf"{VERSION}/convert/?$", versions.VersionConvert.as_view(), name="version-convert"),
    re_path(rf"{VERSION}/download/?$", downloads.Download.as_view(), name="version-download"),
]
