"""The agents' door: slim views, one service call each. Errors become JSON in the middleware."""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from agents.api import messages
from agents.api.admission import check_enrolment, token_of
from agents.live.base import Beat
from agents.selectors.program import program
from agents.services import agent_keys, agent_tokens
from agents.services import blobs as blob_service
from agents.services.agent_config import agent_config_of
from agents.services.deadline import database_within
from agents.services.enrolment import Application, host_enrol
from agents.services.heartbeat import NOTHING, heartbeat_take
from agents.services.index import Delta, IndexMessage, index_take
from agents.services.quotas import QuotaExceeded, QuotaTooLarge, host_flag
from agents.services.rotation import key_announce
from agents.services.samples import samples_take
from workbench.core.accounts.client_address import client_address
from workbench.core.door.body import read_json
from workbench.core.door.limits import Limits
from workbench.core.errors import DomainError, NotFound

Shape = TypeVar("Shape", bound=messages.Message)
# Evidence of identity, strongest first; each arrives as an HMAC only.
EVIDENCE = ("cloud_instance", "product_uuid", "machine_id")
# An agent waits 20 s for an answer.
DATABASE_SECONDS: Final = 12.0
PROGRAM_PATH: Final = "/agent/underpin-agent.pyz"


class MethodNotAllowed(DomainError):
    """The address takes another method."""

    status = 405
    code = "method_not_allowed"


class TooOld(DomainError):
    """The agent speaks a protocol that is no longer served; ``min`` is the oldest that is."""

    status = 426
    code = "upgrade"

    def __init__(self) -> None:
        super().__init__("this agent is too old for this server; install the present one")
        self.extra = {"min": messages.MIN_PROTOCOL}


def enrol(request: HttpRequest) -> HttpResponse:
    """POST /enrol: 201 with the host's id and its token's tag, 202 while it waits for approval."""
    body = _read(request, messages.Enrol, messages.ENROL_LIMITS)
    check_enrolment(body.token)
    application = _application(body, address=client_address(request))
    with database_within(DATABASE_SECONDS):
        enrolled = host_enrol(application, now=timezone.now())
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


def heartbeat(request: HttpRequest) -> HttpResponse | None:
    """POST /hb: 204 when there is nothing to do, else 200 with ``need``, ``c`` or ``rot``."""
    token = token_of(request)
    body = _read(request, messages.Heartbeat, messages.HEARTBEAT_LIMITS)
    beat = Beat(token.host_id, token.secret_hash, body.b, body.n, body.d, body.c, body.s)
    reply = heartbeat_take(beat, now=timezone.now())
    if reply is NOTHING:
        return None
    answer: dict[str, object] = {}
    if reply.wants_index:
        answer["need"] = "index"
    if reply.config_etag:
        answer["c"] = reply.config_etag
    if reply.wants_rotation:
        answer["rot"] = True
    return _json(answer)


def index(request: HttpRequest) -> HttpResponse:
    """POST /index: 200 with the number that holds and the digests whose bodies are wanted."""
    token, now = _token(request), timezone.now()
    with database_within(DATABASE_SECONDS):
        agent = agent_keys.authenticate(token, now=now)
        body = _read(request, messages.Index, messages.INDEX_LIMITS)
        message = _index_message(body)
        try:
            reply = index_take(agent.host_id, message, now=now)
        except (QuotaExceeded, QuotaTooLarge) as error:
            host_flag(agent.host_id, error.message, now=now)
            raise
        if body.samples:
            samples_take(agent.host, body.samples, now=now)
        if body.refused:
            text = f"refuses its configuration: {body.refused}"
            host_flag(agent.host_id, text, now=now)
    return _json({"gen": reply.number, "need": reply.need})


def blobs(request: HttpRequest) -> HttpResponse:
    """POST /blobs: 200 with how many bodies were stored and which digests were bad."""
    token, now = _token(request), timezone.now()
    with database_within(DATABASE_SECONDS):
        agent = agent_keys.authenticate(token, now=now)
        body = _read(request, messages.Blobs, messages.BLOBS_LIMITS)
        good, bad = _sorted_out(body.blobs)
        try:
            blob_service.blobs_take(agent.host, good, now=now)
        except (QuotaExceeded, QuotaTooLarge) as error:
            host_flag(agent.host_id, error.message, now=now)
            raise
    return _json({"stored": len(good), "bad": bad})


def rotate(request: HttpRequest) -> HttpResponse:
    """POST /rotate: 200 with the tag of the key that follows; asked again, the same answer."""
    token, now = _token(request), timezone.now()
    body = _read(request, messages.Rotate, messages.ROTATE_LIMITS)
    with database_within(DATABASE_SECONDS):
        agent = agent_keys.key_holder(token, now=now)
        tag = key_announce(agent, body.secret_hash, now=now)
    return _json({"tag": tag})


def config(request: HttpRequest) -> HttpResponse:
    """GET /config: 200 with what the workspace tells its agents, 304 when the agent holds it."""
    token = _token(request, method="GET")
    with database_within(DATABASE_SECONDS):
        agent = agent_keys.key_holder(token, now=timezone.now())
        held = agent_config_of(agent.host.workspace_id)
    mark = f'"{held.etag}"'
    if request.META.get("HTTP_IF_NONE_MATCH", "").removeprefix("W/") == mark:
        response = HttpResponse(status=304)
        del response["Content-Type"]
    else:
        response = _json({"etag": held.etag, "config": held.values})
    response["ETag"] = mark
    return response


def latest(request: HttpRequest) -> HttpResponse:
    """GET /agent/latest: the program that the server hands out. Information only; no query."""
    _token(request, method="GET")
    found = program()
    if found is None:
        message = "this server has no agent program to hand out"
        raise NotFound(message)
    url = settings.PUBLIC_URL.rstrip("/") + PROGRAM_PATH
    return _json({"version": found.version, "sha256": found.sha256, "url": url})


def _application(body: messages.Enrol, *, address: str) -> Application:
    return Application(
        token=body.token,
        nonce=body.nonce,
        secret_hash=body.secret_hash,
        name=body.name or "unnamed host",
        fingerprint=next((body.fp[name] for name in EVIDENCE if body.fp.get(name)), "")[:64],
        labels=body.labels,
        agent_version=body.agent,
        address=address,
        proof=body.proof,
    )


def _token(request: HttpRequest, *, method: str = "POST") -> agent_tokens.AgentToken:
    _check_method(request, method)
    return token_of(request)


def _read(request: HttpRequest, shape: type[Shape], limits: Limits) -> Shape:
    _check_method(request, "POST")
    body = read_json(request, shape=shape, limits=limits)
    if body.v < messages.MIN_PROTOCOL:
        raise TooOld
    return body


def _check_method(request: HttpRequest, method: str) -> None:
    if request.method != method:
        message = f"use {method}"
        raise MethodNotAllowed(message)


def _index_message(body: messages.Index) -> IndexMessage:
    return IndexMessage(
        number=body.gen,
        root=body.root,
        sections={name: _plain(value) for name, value in body.sections.items()},
        containers=body.containers,
        bodies=blob_service.checked_bodies(body.inline, limits=messages.BODY_LIMITS),
        delta=Delta(body.prev, body.sections_gone, body.gone) if body.delta else None,
    )


def _sorted_out(texts: Mapping[str, str]) -> tuple[dict[str, bytes], list[str]]:
    """The bodies that are what their digests name, and the digests of the others."""
    good: dict[str, bytes] = {}
    bad: list[str] = []
    for digest, text in texts.items():
        try:
            good[digest] = blob_service.checked_body(digest, text, limits=messages.BODY_LIMITS)
        except DomainError:
            bad.append(digest)
    return good, sorted(bad)


def _plain(value: str | messages.Missing) -> str | dict[str, str]:
    if isinstance(value, str):
        return value
    # As it was sent: the root digest is taken over it.
    missing = {"err": value.err}
    return missing if value.need is msgspec.UNSET else {**missing, "need": value.need}


def _json(answer: Mapping[str, object], *, status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(answer), status=status, content_type="application/json")
