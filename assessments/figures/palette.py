"""The colours of the figures: the light theme as attributes, the page's own theme by class.

Each painted element carries both, `fill="#b3263a" class="fig-level-5"`. The attribute is what a
PDF and a page without style sheet show; a style sheet rule beats the attribute, so a page follows
its theme with `page_css()`.
"""

from typing import Final

LIGHT: Final = {
    "ink": "#1c2126",
    "ink-2": "#4d565f",
    "ink-3": "#69727b",
    "surface": "#ffffff",
    "sunken": "#efefeb",
    "line": "#e1e2dc",
    "line-strong": "#c9cbc3",
    "accent": "#0d5b66",
    "accent-soft": "#dcecec",
    "ok": "#2e7d54",
    "ok-soft": "#ddefe4",
    "unknown": "#75797f",
    "unknown-soft": "#e8e9ea",
    "level-1": "#c4d6d0",
    "level-1-ink": "#23463a",
    "level-2": "#8fbca4",
    "level-2-ink": "#10352a",
    "level-3": "#ecc64f",
    "level-3-ink": "#4a3700",
    "level-4": "#e58a3a",
    "level-4-ink": "#3d1c00",
    "level-5": "#b3263a",
    "level-5-ink": "#ffffff",
}
"""Name to colour. The values are those of the product's light theme."""


def paint(colour: str) -> dict[str, str | float]:
    """The attributes that fill an element with a colour of the palette."""
    return {"class": f"fig-{colour}", "fill": LIGHT[colour]}


def page_css() -> str:
    """Style rules that let a page restyle the figures with its custom properties."""
    rules = (f".fig-{name}{{fill:var(--{_property(name)})}}" for name in LIGHT)
    return "\n".join([*rules, "a:hover .fig-room,a:focus .fig-room{stroke:var(--ink-3)}"]) + "\n"


def _property(name: str) -> str:
    return name.replace("level-", "risk-")
