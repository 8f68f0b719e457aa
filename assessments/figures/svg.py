"""A small SVG writer: escaped text, presentation attributes only, the same bytes every time.

There is no `style`, no `var()` and no script: a page with a strict content security policy shows
the figures inline, and the report's typesetter draws the same bytes.
"""

import re
from html import escape
from typing import Final

from assessments.figures.palette import paint

FONT: Final = "Inter, system-ui, sans-serif"
_FORBIDDEN: Final = frozenset({"style"})
_LINK: Final = re.compile(r"(?:https?://|/(?!/)|\?|#|\./)[^\s\x00-\x1f]*")
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDTHS: Final = {
    **dict.fromkeys("ijlI !,.:';|", 0.3),
    **dict.fromkeys("tfr()/[]{}1", 0.4),
    **dict.fromkeys('-_"*', 0.5),
    **dict.fromkeys("mMwW@%…—", 0.94),
}
"""Advance widths of Inter in em, in classes; other small letters and digits are 0.6."""


def number(value: float) -> str:
    """The value with at most two decimals and no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


def escaped(text: str) -> str:
    """The text for element content or an attribute; what XML cannot hold becomes U+FFFD."""
    return escape(_NOT_XML.sub("\ufffd", text))


def element(name: str, attributes: dict[str, str | float], *children: str) -> str:
    """One element; the attributes keep their order. Raises ValueError for a style or a handler."""
    parts = []
    for key, value in attributes.items():
        if key in _FORBIDDEN or key.startswith("on"):
            msg = f"attribute {key!r} is not for figures"
            raise ValueError(msg)
        shown = escaped(value) if isinstance(value, str) else number(value)
        parts.append(f' {key}="{shown}"')
    inside = "".join(children)
    opening = f"<{name}{''.join(parts)}"
    return f"{opening}>{inside}</{name}>" if inside else f"{opening}/>"


def rectangle(
    x: float,
    y: float,
    width: float,
    height: float,
    *children: str,
    colour: str,
    radius: float = 0,
    room: str = "",
) -> str:
    attributes: dict[str, str | float] = {"x": x, "y": y, "width": width, "height": height}
    if radius:
        attributes["rx"] = radius
    attributes |= paint(colour)
    if room:
        attributes["class"] = f"{room} {attributes['class']}"
    return element("rect", attributes, *children)


def text(
    x: float,
    y: float,
    words: str,
    *,
    colour: str = "ink",
    size: float = 12,
    weight: int = 400,
    anchor: str = "start",
) -> str:
    attributes: dict[str, str | float] = {"x": x, "y": y, "font-size": size}
    if weight != 400:
        attributes["font-weight"] = weight
    if anchor != "start":
        attributes["text-anchor"] = anchor
    return element("text", attributes | paint(colour), escaped(words))


def link(href: str, *children: str) -> str:
    """The children, as a link when there is an address.

    Raises ValueError unless it is relative, http or https.
    """
    if not href:
        return "".join(children)
    if not _LINK.fullmatch(href):
        msg = f"address {href!r} is not for figures"
        raise ValueError(msg)
    return element("a", {"href": href}, *children)


def title(words: str) -> str:
    return element("title", {}, escaped(words))


def drawing(width: int, height: int, *children: str, name: str, description: str) -> str:
    """A whole figure with its accessible name and its numbers as description."""
    attributes: dict[str, str | float] = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
        "role": "img",
        "class": "figure",
        "font-family": FONT,
    }
    texts = (title(name), element("desc", {}, escaped(description)))
    return element("svg", attributes, *texts, *children)


def text_width(words: str, *, size: float) -> float:
    """About how wide the words are, in user units; errs on the wide side."""
    units = sum(_character_width(character) for character in words)
    return units * size


def clipped(words: str, *, width: float, size: float) -> str:
    """The words, cut with "…" so that they fit the width."""
    if text_width(words, size=size) <= width:
        return words
    room = width - _character_width("…") * size
    kept = []
    for character in words:
        room -= _character_width(character) * size
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def _character_width(character: str) -> float:
    known = _WIDTHS.get(character)
    if known is not None:
        return known
    if ord(character) > 0x2E7F:  # East Asian scripts fill a square
        return 1.05
    return 0.72 if character.isupper() else 0.6
