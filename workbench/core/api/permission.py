"""The last look at the permission table inside REST framework."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission

from workbench.core.access.request import Caller

if TYPE_CHECKING:  # at run time views import this module through the settings
    from rest_framework.request import Request
    from rest_framework.views import APIView


class AllowedByTable(BasePermission):
    """True when the access middleware let a caller through; it never decides by itself."""

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        """Whether a caller was found."""
        return isinstance(getattr(request._request, "caller", None), Caller)  # noqa: SLF001 - DRF
