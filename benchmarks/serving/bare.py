"""The least that Django can do: one view without middleware. The figure to compare with."""

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def nothing(_request: HttpRequest) -> HttpResponse:
    """204."""
    return HttpResponse(status=204)


urlpatterns = [path("bare", nothing)]
application = get_wsgi_application()
