"""Small middlewares: security headers, printable input, and the agents' own short way."""

import re
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render

from workbench.core.access.middleware import is_api
from workbench.core.door.body import check_content_type
from workbench.core.errors import DomainError, Invalid, Unsupported
from workbench.core.web import agent_entry

UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
GetResponse = Callable[[HttpRequest], HttpResponseBase]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; "
    "report-uri /csp-report/"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), "
        "payment=(), usb=()"
    ),
    "Cache-Control": "no-store",
}


class SecurityHeadersMiddleware:
    """Sets the headers of every answer, errors and files included, unless a view set its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer with its headers."""
        response = self.get_response(request)
        if request.path.startswith(settings.INGEST_PREFIX):
            return response  # agents read no header; each would cost every heartbeat its bytes
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class PrintableUrlMiddleware:
    """Refuses NUL and undecodable characters in the address: PostgreSQL would fail on them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """400 for an address that no link of ours can produce."""
        texts = [request.path]
        if request.META.get("QUERY_STRING"):
            texts += [*request.GET.keys(), *_values(request)]
        if all(is_storable(text) for text in texts):
            return self.get_response(request)
        return JsonResponse(
            Invalid("the address holds unprintable characters").as_body(), status=400
        )


def _values(request: HttpRequest) -> list[str]:
    return [value for _, values in request.GET.lists() for value in values]


class BodyMiddleware:
    """What a body may be, before any view sees it: JSON for the API, printable fields for pages."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on; forms are looked at in ``process_view``, after the CSRF check has read them."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: object, _args: object, _kwargs: object
    ) -> HttpResponseBase | None:
        """None lets the view run."""
        if is_api(request):
            return self._refuse_other_than_json(request)
        fields = (text for name, values in request.POST.lists() for text in (name, *values))
        if all(is_storable(text) for text in fields):
            return None
        return render(request, "400.html", status=400)

    def _refuse_other_than_json(self, request: HttpRequest) -> HttpResponseBase | None:
        if request.META.get("CONTENT_LENGTH") in {None, "", "0"}:
            return None
        try:
            check_content_type(request)
            if request.headers.get("Content-Encoding", "identity") != "identity":
                message = "send the body without a content encoding"
                raise Unsupported(message)
        except DomainError as error:
            return JsonResponse(error.as_body(), status=error.status)
        return None


def is_storable(text: str) -> bool:
    """True for text that both databases can hold: no NUL, no surrogate."""
    return UNSTORABLE.search(text) is None


class IngestShortcutMiddleware:
    """The agents' way in where Django's own handler is in front, as it is in tests.

    A server asks ``agent_entry.AgentEntry`` first; both answer with ``agent_entry.answer``.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The ingest view's answer, or the next middleware's for every other path."""
        if not request.path.startswith(settings.INGEST_PREFIX):
            return self.get_response(request)
        response = agent_entry.answer(agent_entry.AgentRequest(request.META))
        return HttpResponse(status=204) if response is None else response
