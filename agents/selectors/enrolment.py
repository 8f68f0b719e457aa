"""What the page for adding hosts shows: tokens, and hosts as they arrive."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from agents.models import Agent, EnrolmentToken, Host, HostState
from agents.selectors.population import hosts_present
from workbench.core.models import Workspace

ARRIVALS_SHOWN: Final = 10
ARRIVALS_WITHIN: Final = timedelta(hours=24)
TOKENS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One enrolment token, whether it still lets hosts in, and how many hosts hold it as theirs."""

    token: EnrolmentToken
    state: str
    hosts: int

    @property
    def is_usable(self) -> bool:
        """True while a host can join with it."""
        return self.state == "usable"

    @property
    def left(self) -> int:
        """How many more hosts may join with it."""
        return max(0, self.token.max_uses - self.token.uses) if self.is_usable else 0


def tokens_of(workspace: Workspace, *, now: datetime) -> tuple[TokenRow, ...]:
    """The newest tokens first, at most 50. One query."""
    mine = Agent.objects.filter(enrolled_with=OuterRef("pk"))
    present = mine.exclude(host__state=HostState.RETIRED).order_by()
    counted = present.values("enrolled_with").annotate(n=Count("pk")).values("n")
    rows = EnrolmentToken.objects.of(workspace).select_related("created_by")
    rows = rows.annotate(host_count=Coalesce(Subquery(counted), 0))
    newest = rows.order_by("-created_at", "pk")[:TOKENS_SHOWN]
    return tuple(TokenRow(one, _state(one, now=now), one.host_count) for one in newest)


def token_of(workspace: Workspace, pk: uuid.UUID) -> EnrolmentToken | None:
    """One token of the workspace, or None."""
    return EnrolmentToken.objects.of(workspace).filter(pk=pk).first()


def waiting(workspace: Workspace) -> int:
    """How many hosts wait for approval. One query."""
    return Host.objects.of(workspace).filter(state=HostState.PENDING).count()


def arrivals(workspace: Workspace, *, now: datetime) -> tuple[Host, ...]:
    """Hosts that joined within a day, newest first, with ``alive`` containers. One query."""
    rows = hosts_present(workspace).filter(enrolled_at__gte=now - ARRIVALS_WITHIN)
    alive = Count("containers", filter=Q(containers__gone_at__isnull=True))
    newest = rows.annotate(alive=alive).select_related("live").order_by("-enrolled_at", "pk")
    return tuple(newest[:ARRIVALS_SHOWN])


def _state(token: EnrolmentToken, *, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at <= now:
        return "expired"
    return "used up" if token.uses >= token.max_uses else "usable"
