"""What browsers are told of an answer that may be shown as a page: its policies, by its path."""

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

DATA = frozenset(
    {"application/json", "application/problem+json", "application/vnd.oai.openapi+json"}
)


class PagePolicy(CSPMiddleware):
    """Data is no page: nothing in it is loaded or run, and `nosniff` keeps it so."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.headers.get("Content-Type", "").partition(";")[0] in DATA:
            return response
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        for beginning, needs in settings.PAGES_NEED.items():
            if request.path_info.startswith(beginning):
                parts.update = needs
        return parts
