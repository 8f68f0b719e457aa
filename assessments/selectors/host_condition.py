"""What is odd about a host and must be said on its page: silent, forked, outdated and the like."""

from dataclasses import dataclass
from datetime import datetime

from agents.models import Agent, Host, HostLive, HostState
from agents.selectors.population import Silence
from agents.selectors.program import program
from assessments.selectors.host_facts import HostSummary
from assessments.selectors.hosts import HostRow


@dataclass(frozen=True, slots=True)
class HostCondition:
    """Moments are None where they do not apply.

    ``served`` is the version that this server hands out when the host runs an older one.
    ``is_other_program`` is true when the version is the one served and the file is not.
    """

    is_pending: bool = False
    claims: Host | None = None
    retired_at: datetime | None = None
    revoked_at: datetime | None = None
    silent_since: datetime | None = None
    is_forked: bool = False
    live: HostLive | None = None
    served: str = ""
    is_other_program: bool = False
    program_digest: str = ""

    @property
    def is_quiet(self) -> bool:
        """True when nothing on the page is newer than the last report."""
        moments = (self.retired_at, self.revoked_at, self.silent_since)
        return self.is_forked or any(moment is not None for moment in moments)


def condition_of(row: HostRow, summary: HostSummary, *, silence: Silence) -> HostCondition:
    """The condition of a host whose live row and agent are at hand. No query."""
    host, built = row.host, program()
    agent: Agent | None = getattr(host, "agent", None)
    is_retired = host.state == HostState.RETIRED
    same_version = built is not None and host.agent_version == built.version
    digest = built.sha256 if built else ""
    return HostCondition(
        is_pending=host.state == HostState.PENDING,
        claims=agent.claims if agent else None,
        retired_at=host.retired_at if is_retired else None,
        revoked_at=agent.revoked_at if agent and not is_retired else None,
        silent_since=_silent_since(row, silence),
        is_forked=host.state == HostState.FORKED,
        live=getattr(host, "live", None),
        served=built.version if built and row.is_outdated and not is_retired else "",
        is_other_program=bool(
            same_version
            and not is_retired
            and summary.agent_digest
            and summary.agent_digest != digest
        ),
        program_digest=summary.agent_digest,
    )


def _silent_since(row: HostRow, silence: Silence) -> datetime | None:
    if not row.is_silent or row.last_seen is None:
        return None
    return row.last_seen + silence.allowed
