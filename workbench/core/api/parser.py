"""REST framework's JSON parser: the same door as ingest."""

from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from workbench.core.door.decode import parse
from workbench.core.door.limits import PEOPLE_API
from workbench.core.errors import Invalid, TooLarge


class DoorJSONParser(BaseParser):
    """Bodies of people's API, at most 256 KiB, decoded by ``core.door``; top level is an object."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """The decoded object.

        Raises:
            ParseError: 400 for a body the door refuses.
            TooLarge: 413.
        """
        raw = stream.read(PEOPLE_API.max_wire_bytes + 1)
        if len(raw) > PEOPLE_API.max_wire_bytes:
            message = f"the body is larger than {PEOPLE_API.max_wire_bytes} bytes"
            raise TooLarge(message)
        try:
            value = parse(raw, limits=PEOPLE_API)
        except Invalid as error:
            raise ParseError(error.message) from None
        if not isinstance(value, dict):
            message = "send a JSON object"
            raise ParseError(message)
        return value
