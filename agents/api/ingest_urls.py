"""The agents' own URL table (agent protocol, ingest v1); see ``AgentEntry``.

Each view stands behind its place in the admission order: the token's tag, the host's rate, room.
"""

from django.urls import include, path

from agents.api import ingest, ingest_events, messages
from agents.api.admission import Kind, admitted

heartbeats = admitted(Kind.HEARTBEAT, messages.HEARTBEAT_LIMITS)
events = admitted(Kind.EVENTS, ingest_events.EVENTS_LIMITS)
indexes = admitted(Kind.INDEX, messages.INDEX_LIMITS)
blobs = admitted(Kind.BLOBS, messages.BLOBS_LIMITS)
enrolments = admitted(Kind.ENROL, messages.ENROL_LIMITS)
# Small things that keep a host in order: as urgent as its facts.
small = admitted(Kind.INDEX, messages.ROTATE_LIMITS)

endpoints = [
    path("enrol", enrolments(ingest.enrol), name="enrol"),
    path("hb", heartbeats(ingest.heartbeat), name="heartbeat"),
    path("index", indexes(ingest.index), name="index"),
    path("blobs", blobs(ingest.blobs), name="blobs"),
    path("events", events(ingest_events.events), name="events"),
    path("rotate", small(ingest.rotate), name="rotate"),
    path("config", small(ingest.config), name="config"),
    path("agent/latest", small(ingest.latest), name="latest"),
]

urlpatterns = [path("i/v1/", include((endpoints, "ingest")))]
