"""Tables of hosts and facts: one module per idea."""

from agents.models.blob import Blob
from agents.models.config import AgentConfig
from agents.models.container import Container, ContainerFacts
from agents.models.enrolment import Agent, EnrolmentToken
from agents.models.event import Event, EventDay, EventGap, EventSpool
from agents.models.host import Criticality, Host, HostLive, HostSection, HostState
from agents.models.sample import Sample, SampleLength

__all__ = [
    "Agent",
    "AgentConfig",
    "Blob",
    "Container",
    "ContainerFacts",
    "Criticality",
    "EnrolmentToken",
    "Event",
    "EventDay",
    "EventGap",
    "EventSpool",
    "Host",
    "HostLive",
    "HostSection",
    "HostState",
    "Sample",
    "SampleLength",
]
