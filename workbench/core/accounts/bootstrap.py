"""The first workspace and administrator of an installation."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from workbench.core import audit
from workbench.core.accounts import one_time
from workbench.core.models import Membership, Role, User, Workspace

FIRST_ADMIN = "admin@underpin.local"
FIRST_WORKSPACE = "My workspace"


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What somebody needs to come in: the administrator's membership and a one-time secret."""

    membership: Membership
    secret: str


def installation_open(*, now: datetime) -> FirstSteps:
    """Make the first workspace and administrator unless they exist, and a fresh sign-in link."""
    with transaction.atomic():
        membership = (
            Membership.objects.select_related("user", "workspace")
            .filter(role=Role.ADMIN, user__is_active=True)
            .order_by("pk")
            .first()
        )
        if membership is None:
            membership = _first_membership(now=now)
        return FirstSteps(membership, one_time.make(membership.user, now=now))


def _first_membership(*, now: datetime) -> Membership:
    workspace = Workspace.objects.create(name=FIRST_WORKSPACE, created_at=now)
    user = User.objects.filter(email=FIRST_ADMIN).first() or User.objects.create_user(FIRST_ADMIN)
    membership = Membership.objects.create(user=user, workspace=workspace, role=Role.ADMIN)
    audit.record(
        workspace,
        actor="manage.py",
        verb="workspace.made",
        target=str(workspace.pk),
        now=now,
        after={"name": workspace.name, "administrator": user.email},
    )
    return membership
