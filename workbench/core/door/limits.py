"""How large and how deep a body may be, per endpoint."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one body; ``max_wire_bytes`` as sent, ``max_raw_bytes`` after inflating."""

    max_wire_bytes: int
    max_raw_bytes: int
    max_depth: int = 16
    max_keys: int = 20_000
    max_string_characters: int = 32_768


PEOPLE_API = Limits(max_wire_bytes=262_144, max_raw_bytes=262_144)
