"""``manage.py sign_in_link``: a link that signs one person in once."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from workbench.core import audit
from workbench.core.accounts import one_time
from workbench.core.accounts.bootstrap import installation_open
from workbench.core.models import Membership


class Command(BaseCommand):
    """The first way into a new installation, and the way back when nobody knows a password."""

    help = "Print a link that signs one person in once within 24 hours."

    def add_arguments(self, parser: CommandParser) -> None:
        """``--email``: whom to sign in; without it the first administrator, made if needed."""
        parser.add_argument("--email", default="", help="an existing member")

    def handle(self, *_args: Any, email: str, **_options: Any) -> None:
        """Print the link; for a named person the audit log keeps that it was made."""
        secret = self._secret_for(email) if email else installation_open(now=timezone.now()).secret
        path = reverse("one-time-login", args=[secret])
        self.stdout.write(f"{settings.PUBLIC_URL.rstrip('/')}{path}")

    def _secret_for(self, email: str) -> str:
        memberships = Membership.objects.select_related("user", "workspace")
        membership = memberships.filter(user__email__iexact=email, user__is_active=True).first()
        if membership is None:
            message = f"there is no active member {email}"
            raise CommandError(message)
        now = timezone.now()
        with transaction.atomic():
            audit.record(
                membership.workspace,
                actor="manage.py",
                verb="sign_in_link.made",
                target=membership.user.email,
                now=now,
            )
            return one_time.make(membership.user, now=now)
