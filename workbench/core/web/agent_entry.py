"""The agents' way in: a WSGI application before Django's own, with only what agents need.

Same views, requests and answers as everywhere in the product; what is left out are Django's
signals, sessions, cookies, CSRF and people's accounts, which cost more than a whole heartbeat.
The order is: address and permission table here, then the view (token, admission, size, body).
"""

import logging
import secrets
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from threading import get_ident
from typing import Any, Final

import msgspec
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.urls import Resolver404, resolve

from workbench.core.access.principals import Principal
from workbench.core.access.table import allowed
from workbench.core.errors import DomainError, Forbidden, NotFound, Unavailable
from workbench.core.web.slow_clients import SlowClients, WatchedBody

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
# None is "nothing to say": 204 without a body, the answer to almost every heartbeat.
View = Callable[[HttpRequest], HttpResponseBase | None]
UNREADABLE_TYPE: Final = "application/x-unreadable"
NO_BODY: Final = (b"",)
# Threads that ever opened a database connection: most heartbeats never do.
_threads_with_connection: set[int] = set()
FOR_AGENTS: Final = frozenset({Principal.AGENT, Principal.ANYONE})


class AgentHeaders:
    """The headers of a request without a copy of them."""

    __slots__ = ("_meta",)

    def __init__(self, meta: Environ) -> None:
        self._meta = meta

    def get(self, name: str, default: str = "") -> str:
        """The header ``name``, in any case."""
        value: str = self._meta.get("HTTP_" + name.upper().replace("-", "_"), default)
        return value


class AgentRequest(HttpRequest):
    """A request whose parts are read only when a view asks: no query, form, files or cookies."""

    def __init__(self, environ: Environ) -> None:
        # Not the parent's: it fills a dozen fields that no ingest view has a use for.
        self.META = self.environ = environ
        self.method = environ["REQUEST_METHOD"].upper()
        self.path = self.path_info = environ["PATH_INFO"]
        self._stream = environ["wsgi.input"]
        self._read_started = False

    @property
    def headers(self) -> AgentHeaders:  # type: ignore[override]
        """Looked up one by one."""
        return AgentHeaders(self.META)

    @cached_property
    def GET(self) -> QueryDict:  # type: ignore[override]
        """The query."""
        return QueryDict(self.META.get("QUERY_STRING", ""))


class AgentEntry:
    """Answers agents, and leaves every other path to ``rest``."""

    def __init__(self, rest: Application) -> None:
        self.rest = rest
        self.prefix: str = settings.INGEST_PREFIX
        self.slow_clients = SlowClients(seconds=settings.BODY_SECONDS)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """A WSGI application (PEP 3333)."""
        if "*" in environ.get("CONTENT_TYPE", ""):
            # Nobody sends such a parameter (RFC 2231), and Django fails on its unknown charsets.
            environ["CONTENT_TYPE"] = UNREADABLE_TYPE
        if not self.slow_clients.is_watching:
            self.slow_clients.watch()
        address = environ.get("REMOTE_ADDR", "")
        environ["wsgi.input"] = WatchedBody(environ["wsgi.input"], self.slow_clients, address)
        if not environ["PATH_INFO"].startswith(self.prefix):
            return self.rest(environ, start_response)
        try:
            response = answer(AgentRequest(environ))
        except Exception:  # the outermost loop of a request
            logger.exception("ingest failed: %s", environ["PATH_INFO"])
            response = HttpResponse(b'{"e":"error"}', status=500, content_type="application/json")
        if get_ident() in _threads_with_connection:
            _free_connections()
        if response is None:
            start_response("204 No Content", [])
            return NO_BODY
        status = f"{response.status_code} {response.reason_phrase}"
        start_response(status, list(response.items()))
        return [b"".join(response)]


def answer(request: HttpRequest) -> HttpResponseBase | None:
    """What the agents' URL table says to ``request``; errors as JSON."""
    try:
        return _view(request.path, request.method or "GET")(request)
    except DomainError as error:
        return error_response(error)
    except DatabaseError:
        logger.exception("the database did not answer an agent")
        return error_response(Unavailable("try again later", retry_after_seconds=later()))


@lru_cache(maxsize=64)
def _view(path: str, method: str) -> View:
    """The view of an address that the permission table gives to agents; deny by default.

    Raises:
        NotFound, Forbidden: neither is cached.
    """
    try:
        match = resolve(path, urlconf=settings.INGEST_URLCONF)
    except Resolver404:
        message = "no such address"
        raise NotFound(message) from None
    if not allowed(match.view_name, method=method) & FOR_AGENTS:
        message = "this address is for nobody"
        raise Forbidden(message)
    if match.kwargs or match.args:
        return lambda request: match.func(request, *match.args, **match.kwargs)
    view: View = match.func
    return view


def error_response(error: DomainError) -> HttpResponse:
    """The JSON answer to ``error``; ``e`` is the word that agents look at (ingest v1)."""
    extra = getattr(error, "extra", {})
    # Not JsonResponse: its encoder costs more than refusing a bad token otherwise does.
    raw = msgspec.json.encode({"e": error.code, **extra, **error.as_body()})
    response = HttpResponse(raw, status=error.status, content_type="application/json")
    wait = getattr(error, "retry_after_seconds", None)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response


def later() -> int:
    """Seconds for Retry-After, at random: one constant would bring everybody back at once."""
    return 5 + secrets.randbelow(56)


def _note_connection(**_: object) -> None:
    _threads_with_connection.add(get_ident())


connection_created.connect(_note_connection)


def _free_connections() -> None:
    """What Django does around a request: connections that are broken or too old are closed."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
