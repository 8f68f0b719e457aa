"""The caller of a request: person, workspace and role, found once and passed on typed."""

from dataclasses import dataclass

from django.http import HttpRequest

from workbench.core.models import Membership, User, Workspace


@dataclass(frozen=True, slots=True)
class Caller:
    """A person acting in one workspace; ``by_token`` when a program acts for them."""

    user: User
    membership: Membership
    by_token: bool = False
    # All of the person's memberships, for the choice of workspace; empty for a token.
    memberships: tuple[Membership, ...] = ()

    @property
    def workspace(self) -> Workspace:
        """The workspace whose rows this request may touch."""
        return self.membership.workspace


class MemberRequest(HttpRequest):
    """A request that passed the permission table on a route for members."""

    user: User
    caller: Caller
