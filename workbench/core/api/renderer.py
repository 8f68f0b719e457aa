"""JSON answers of people's API."""

from rest_framework import renderers


class JSONRenderer(renderers.JSONRenderer):
    """UTF-8 JSON; numbers that JSON does not know are refused instead of invented."""

    strict = True
