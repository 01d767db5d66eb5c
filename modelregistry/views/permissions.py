"""Who may change the registry in REST: who may do the same in the admin."""

from collections.abc import Mapping

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class MayChange(BasePermission):
    """Beside a key or session, the permission that the view's `needs` names for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needs: Mapping[str, str] = view.needs  # type: ignore[attr-defined]
        needed = needs.get(request.method or "")
        return needed is None or request.user.has_perm(needed)


CHANGING = (*APIView.permission_classes, MayChange)
