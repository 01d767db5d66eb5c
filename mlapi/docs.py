"""The served OpenAPI document: one version of it, whatever the query says."""

from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request


class Schema(SpectacularAPIView):
    def _get_version_parameter(self, request: Request) -> None:
        """There is no other; drf-spectacular would put the client's text into a header."""
