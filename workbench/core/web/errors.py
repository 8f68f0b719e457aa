"""Error pages: what happened, what was kept, what to do."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from workbench.core.access.middleware import is_api
from workbench.core.errors import NotFound


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 as JSON for programs, as a page for people."""
    if is_api(request):
        return JsonResponse(NotFound("no such thing").as_body(), status=404)
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500 without any detail; the log has it."""
    if is_api(request):
        body = {"error": {"code": "internal", "message": "something broke here", "fields": {}}}
        return JsonResponse(body, status=500)
    return render(request, "500.html", status=500)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for what Django itself refuses (a bad Host header, too many fields)."""
    if is_api(request):
        body = {"error": {"code": "invalid", "message": "the request cannot be read", "fields": {}}}
        return JsonResponse(body, status=400)
    return render(request, "400.html", status=400)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 when a form was sent without its token, usually because the page was old."""
    message = "This page was open for too long. Go back, reload it, and send the form again."
    return render(request, "403.html", {"message": message}, status=403)
