"""The strata figure: the four layers of the machine, one room per mechanism, containers on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assessments.figures import svg
from assessments.figures.names import level_word

_GAP: Final = 4
_ROOM_HEIGHT: Final = 44
_ROOM_MIN_WIDTH: Final = 122
_LABEL_WIDTH: Final = 104
_STANDING_HEIGHT: Final = 40
_STANDING_SHOWN: Final = 16
_PADDING: Final = 7


@dataclass(frozen=True, kw_only=True)
class Room:
    """One mechanism. `level` is its worst open finding, 0 when none is open."""

    name: str
    level: int = 0
    findings: int = 0
    passed: int = 0
    unknown: int = 0
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """One layer with its rooms, in the order in which they are drawn."""

    name: str
    caption: str = ""
    rooms: tuple[Room, ...] = ()
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A container that stands on the layers; its numbers mean the same as those of a room."""

    name: str
    level: int = 0
    findings: int = 0
    passed: int = 0
    unknown: int = 0
    href: str = ""


@dataclass(frozen=True)
class _Box:
    x: int
    y: int
    width: int
    height: int


def strata(
    layers: Sequence[Stratum],
    *,
    standing: Sequence[Standing] = (),
    width: int = 960,
    name: str = "The layers below the containers",
) -> str:
    """The figure as SVG, `width` units wide and as high as it needs."""
    y = 0
    parts = []
    if standing:
        drawn, y = _standing_row(standing, width)
        parts.append(drawn)
    for layer in layers:
        drawn, y = _layer(layer, y, width)
        parts.append(drawn)
    height = max(y - _GAP, 1)
    description = strata_alt(layers, standing=standing)
    return svg.drawing(width, height, *parts, name=name, description=description)


def strata_alt(layers: Sequence[Stratum], *, standing: Sequence[Standing] = ()) -> str:
    """The figure in words, with all its numbers."""
    sentences = []
    if standing:
        each = (f"{item.name} {_room_state(_as_room(item))}" for item in standing)
        sentences.append(f"Containers: {', '.join(each)}.")
    for layer in layers:
        each = (f"{room.name} {_room_state(room)}" for room in layer.rooms)
        sentences.append(f"{layer.name}: {', '.join(each) or 'nothing checked'}.")
    return " ".join(sentences)


def _as_room(container: Standing) -> Room:
    return Room(**vars(container))


def _room_state(room: Room) -> str:
    """The words in a room. Unknown is never shown as a pass."""
    if room.level:
        return f"{level_word(room.level)} · {room.findings}"
    if room.unknown:
        return f"{room.unknown} unknown"
    return "All pass" if room.passed else "Not checked"


def _colours(level: int, passed: int, unknown: int) -> tuple[str, str]:
    if level:
        return f"level-{level}", f"level-{level}-ink"
    if unknown or not passed:
        return "unknown-soft", "ink-2"
    return "ok-soft", "ink"


def _layer(layer: Stratum, y: int, width: int) -> tuple[str, int]:
    is_narrow = width < 3 * _LABEL_WIDTH + 2 * _ROOM_MIN_WIDTH
    left = 0 if is_narrow else _LABEL_WIDTH + _GAP
    top = y + 30 if is_narrow else y
    boxes = _grid(len(layer.rooms), left, top, width)
    bottom = boxes[-1].y + _ROOM_HEIGHT if boxes else top + _ROOM_HEIGHT
    label = _Box(0, y, width if is_narrow else _LABEL_WIDTH, (26 if is_narrow else bottom - y))
    parts = [svg.link(layer.href, _label(layer, label))]
    parts += [_room(room, box) for room, box in zip(layer.rooms, boxes, strict=True)]
    if not boxes:
        empty = _Box(left, top, width - left, _ROOM_HEIGHT)
        parts.append(_room(Room(name="No mechanism was checked"), empty))
    return "".join(parts), bottom + _GAP


def _label(layer: Stratum, box: _Box) -> str:
    plate = svg.rectangle(box.x, box.y, box.width, box.height, colour="sunken", radius=5)
    middle = box.y + box.height // 2
    inside = box.width - 2 * _PADDING
    words = svg.clipped(layer.name, width=inside, size=13)
    if not layer.caption or box.height < 40:
        return plate + svg.text(box.x + _PADDING, middle + 5, words, size=13, weight=600)
    captions = _wrapped(layer.caption, width=inside, size=10)
    start = middle - 6 * len(captions) + 2
    lines = [svg.text(box.x + _PADDING, start, words, size=13, weight=600)]
    for place, caption in enumerate(captions):
        line_y = start + 15 + 12 * place
        lines.append(svg.text(box.x + _PADDING, line_y, caption, colour="ink-3", size=10))
    return plate + "".join(lines)


def _wrapped(words: str, *, width: float, size: float) -> list[str]:
    """At most two lines."""
    first = ""
    rest = words.split()
    while rest and svg.text_width(f"{first} {rest[0]}", size=size) <= width:
        first = f"{first} {rest.pop(0)}".strip()
    if not first:
        return [svg.clipped(words, width=width, size=size)]
    return [first, svg.clipped(" ".join(rest), width=width, size=size)] if rest else [first]


def _room(room: Room, box: _Box) -> str:
    state = _room_state(room)
    ground, ink = _colours(room.level, room.passed, room.unknown)
    inside = box.width - 2 * _PADDING
    hint = svg.title(f"{room.name}: {state}")
    if room.level and room.unknown:
        hint = svg.title(f"{room.name}: {state}, {room.unknown} unknown")
    return svg.link(
        room.href,
        svg.rectangle(
            box.x, box.y, box.width, box.height, hint, colour=ground, radius=5, room="fig-room"
        ),
        svg.text(
            box.x + _PADDING,
            box.y + 18,
            svg.clipped(room.name, width=inside, size=11),
            colour=ink,
            size=11,
            weight=550,
        ),
        svg.text(
            box.x + _PADDING,
            box.y + 34,
            svg.clipped(state, width=inside, size=10.5),
            colour=ink,
            size=10.5,
        ),
    )


def _standing_row(standing: Sequence[Standing], width: int) -> tuple[str, int]:
    shown = list(standing[:_STANDING_SHOWN])
    hidden = len(standing) - len(shown)
    boxes = _grid(len(shown), 0, 0, width, height=_STANDING_HEIGHT)
    parts = [_room(_as_room(container), box) for container, box in zip(shown, boxes, strict=True)]
    bottom = boxes[-1].y + _STANDING_HEIGHT + _GAP
    if hidden:
        words = f"and {hidden} more containers"
        parts.append(svg.text(width, bottom + 11, words, colour="ink-3", size=11, anchor="end"))
        bottom += 18
    return "".join(parts), bottom + _GAP


def _grid(count: int, left: int, top: int, width: int, *, height: int = _ROOM_HEIGHT) -> list[_Box]:
    """Boxes in rows of nearly equal length; each row fills the width with whole units."""
    if not count:
        return []
    at_most = max(1, (width - left + _GAP) // (_ROOM_MIN_WIDTH + _GAP))
    rows = -(-count // at_most)
    boxes = []
    for row in range(rows):
        columns = count // rows + (1 if row < count % rows else 0)
        room = width - left - _GAP * (columns - 1)
        y = top + row * (height + _GAP)
        for column in range(columns):
            x = left + room * column // columns + _GAP * column
            end = left + room * (column + 1) // columns + _GAP * column
            boxes.append(_Box(x, y, end - x, height))
    return boxes
