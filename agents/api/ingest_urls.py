"""The agents' own URL table (agent protocol, ingest v1); see ``AgentEntry``."""

from django.urls import include, path

from agents.api import ingest

endpoints = [
    path("enrol", ingest.enrol, name="enrol"),
    path("hb", ingest.heartbeat, name="heartbeat"),  # type: ignore[arg-type] # None is 204
    path("index", ingest.index, name="index"),
    path("blobs", ingest.blobs, name="blobs"),
    path("rotate", ingest.rotate, name="rotate"),
    path("config", ingest.config, name="config"),
    path("agent/latest", ingest.latest, name="latest"),
]

urlpatterns = [path("i/v1/", include((endpoints, "ingest")))]
