"""The agents' door for events: one batch of one spool, and how far this server has it."""

from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from agents.api.admission import token_of
from agents.api.ingest import DATABASE_SECONDS, MethodNotAllowed, TooOld
from agents.api.messages import MIN_PROTOCOL
from agents.facts.event_wire import SentEvents
from agents.services import agent_keys
from agents.services.deadline import database_within
from agents.services.event_store import events_take
from workbench.core.door.body import read_json
from workbench.core.door.limits import Limits

EVENTS_LIMITS: Final = Limits(
    max_wire_bytes=262_144,
    max_raw_bytes=1_048_576,
    max_depth=8,
    max_keys=60_000,
    max_string_characters=4_096,
)


def events(request: HttpRequest) -> HttpResponse:
    """POST /events: 200 with the number that everything is stored up to, after commit; 409 with a
    lower one than the agent was told before when this database is an older state."""
    if request.method != "POST":
        msg = "use POST"
        raise MethodNotAllowed(msg)
    token, now = token_of(request), timezone.now()
    with database_within(DATABASE_SECONDS):
        agent = agent_keys.authenticate(token, now=now)
        message = read_json(request, shape=SentEvents, limits=EVENTS_LIMITS)
        if message.v < MIN_PROTOCOL:
            raise TooOld
        reply = events_take(agent.host_id, message, now=timezone.now())
    return HttpResponse(
        msgspec.json.encode({"ack": reply.ack}),
        status=409 if reply.is_behind else 200,
        content_type="application/json",
    )
