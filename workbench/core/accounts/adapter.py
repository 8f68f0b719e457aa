"""allauth's adapter: nobody signs up by themselves, and password guesses are counted first."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from workbench.core.accounts import limiter


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Accounts are made by an administrator; attempts are counted before the password is read."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Never: a workbench of weaknesses is not open to the street."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Count the attempt, then check the password.

        Raises:
            ValidationError: over the limit, whatever the password.
        """
        if not limiter.admit(request, name=str(credentials.get("email", ""))):
            message = "Too many attempts. Wait a few minutes, then try again."
            raise ValidationError(message, code="too_many_login_attempts")
        return super().authenticate(request, **credentials)
