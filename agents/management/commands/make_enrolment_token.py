"""``manage.py make_enrolment_token``: a token for adding hosts, printed once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from agents.models import EnrolmentToken
from agents.services.enrolment_tokens import Scope, token_make
from agents.services.labels import labels_from
from workbench.core.access.request import Caller
from workbench.core.accounts.bootstrap import installation_open
from workbench.core.errors import DomainError


class Command(BaseCommand):
    """Make an enrolment token in the first workspace, for scripts and first installations."""

    help = "Print a new token with which hosts can join."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name, lifetime, number of hosts, and what the token gives and demands."""
        parser.add_argument("--name", default="Made on the command line")
        parser.add_argument("--days", type=int, default=7, help="lifetime, 1 to 365")
        parser.add_argument("--max-uses", type=int, default=100, help="number of hosts")
        parser.add_argument(
            "--label", action="append", default=[], metavar="NAME=VALUE", help="for its hosts"
        )
        parser.add_argument(
            "--network", action="append", default=[], metavar="CIDR", help="only hosts from there"
        )
        parser.add_argument(
            "--mode",
            choices=EnrolmentToken.Mode.values,
            default=EnrolmentToken.Mode.AUTO,
            help="whether its hosts wait for approval",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the token alone, so that a script can take it."""
        now = timezone.now()
        membership = installation_open(now=now).membership
        try:
            _, secret = token_make(
                Caller(membership.user, membership),
                name=options["name"],
                days=options["days"],
                max_uses=options["max_uses"],
                mode=options["mode"],
                now=now,
                scope=Scope(labels_from("\n".join(options["label"])), options["network"]),
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(secret)
