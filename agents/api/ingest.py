"""The agents' door: slim views, one service call each. Errors become JSON in the middleware."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from agents.api import messages
from agents.live.base import Beat
from agents.live.store import live_store
from agents.services import agent_tokens
from agents.services import blobs as blob_service
from agents.services.enrolment import Application, host_enrol
from agents.services.heartbeat import authenticate, heartbeat_take
from agents.services.index import IndexMessage, index_take
from workbench.core.accounts.client_address import client_address
from workbench.core.door.body import read_json
from workbench.core.door.limits import Limits
from workbench.core.errors import DomainError

Shape = TypeVar("Shape")
# Evidence of identity, strongest first; each arrives as an HMAC only.
EVIDENCE = ("cloud_instance", "product_uuid", "machine_id")


class MethodNotAllowed(DomainError):
    """These addresses take POST only."""

    status = 405
    code = "method_not_allowed"


def enrol(request: HttpRequest) -> HttpResponse:
    """POST /enrol: 201 with the host's id and its token's tag, 202 while it waits for approval."""
    body = _read(request, messages.Enrol, messages.ENROL_LIMITS)
    application = Application(
        token=body.token,
        nonce=body.nonce,
        secret_hash=body.secret_hash,
        name=body.name or "unnamed host",
        fingerprint=next((body.fp[name] for name in EVIDENCE if body.fp.get(name)), "")[:64],
        labels=body.labels,
        agent_version=body.agent,
        address=client_address(request),
    )
    enrolled = host_enrol(application, now=timezone.now())
    live_store().forget(enrolled.host.pk)
    answer = {
        "host_id": str(enrolled.host.pk),
        "tag": enrolled.tag,
        "state": enrolled.host.state,
        "config": {
            "interval": settings.HEARTBEAT_INTERVAL_SECONDS,
            "org_salt": enrolled.host.workspace.fingerprint_salt.hex,
        },
    }
    return _json(answer, status=202 if enrolled.host.state == "pending" else 201)


def heartbeat(request: HttpRequest) -> HttpResponse:
    """POST /hb: 204 when there is nothing to do, 200 with ``need`` when the index is wanted."""
    token = agent_tokens.read(request.headers.get("Authorization", ""))
    body = _read(request, messages.Heartbeat, messages.HEARTBEAT_LIMITS)
    beat = Beat(token.host_id, token.secret_hash, body.b, body.n, body.d)
    if heartbeat_take(beat, now=timezone.now()):
        return _json({"need": "index"})
    return HttpResponse(status=204)


def index(request: HttpRequest) -> HttpResponse:
    """POST /index: 200 with the number that holds and the digests whose bodies are wanted."""
    agent = authenticate(agent_tokens.read(request.headers.get("Authorization", "")))
    body = _read(request, messages.Index, messages.INDEX_LIMITS)
    message = IndexMessage(
        number=body.gen,
        root=body.root,
        sections={name: _plain(value) for name, value in body.sections.items()},
        containers=body.containers,
        bodies=blob_service.checked_bodies(body.inline, limits=messages.BODY_LIMITS),
    )
    reply = index_take(agent.host_id, message, now=timezone.now())
    live_store().forget(agent.host_id)
    return _json({"gen": reply.number, "need": reply.need})


def blobs(request: HttpRequest) -> HttpResponse:
    """POST /blobs: 200 with how many bodies were stored and which digests were bad."""
    agent = authenticate(agent_tokens.read(request.headers.get("Authorization", "")))
    body = _read(request, messages.Blobs, messages.BLOBS_LIMITS)
    good: dict[str, bytes] = {}
    bad: list[str] = []
    for digest, text in body.blobs.items():
        try:
            good[digest] = blob_service.checked_body(digest, text, limits=messages.BODY_LIMITS)
        except DomainError:
            bad.append(digest)
    blob_service.store(agent.host.workspace, good, now=timezone.now())
    return _json({"stored": len(good), "bad": sorted(bad)})


def _read(request: HttpRequest, shape: type[Shape], limits: Limits) -> Shape:
    if request.method != "POST":
        msg = "use POST"
        raise MethodNotAllowed(msg)
    return read_json(request, shape=shape, limits=limits)


def _plain(value: str | messages.Missing) -> str | dict[str, str]:
    if isinstance(value, str):
        return value
    # As it was sent: the root digest is taken over it.
    missing = {"err": value.err}
    return missing if value.need is msgspec.UNSET else {**missing, "need": value.need}


def _json(answer: Mapping[str, object], *, status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(answer), status=status, content_type="application/json")
