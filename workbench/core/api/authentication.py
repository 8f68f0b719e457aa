"""REST framework's view of the caller that the access middleware found."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

if TYPE_CHECKING:
    from workbench.core.access.request import Caller


class AccessAuthentication(SessionAuthentication):
    """Uses ``request.caller``; a browser session must pass the CSRF check, a token need not."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The person, or None when nobody is signed in."""
        caller: Caller | None = getattr(request._request, "caller", None)  # noqa: SLF001 - DRF's way
        if caller is None:
            return None
        if not caller.by_token:
            self.enforce_csrf(request)
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:
        """The WWW-Authenticate value, so that DRF answers 401 rather than 403."""
        return "Bearer"


class AccessAuthenticationScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names it."""

    target_class = AccessAuthentication
    name = "apiToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "up_<prefix>_<secret>"}
