"""What changed between two indexes, in the form that travels."""

import collections

from .canonical import canonical

# The attributes of an Index that ``index.index_body`` reads.
Part = collections.namedtuple("Part", "sections containers root bodies unique")


class Base:
    """Digests of the facts that the server holds."""

    __slots__ = ("containers", "digests", "sections")

    def __init__(self, index):
        self.sections = index.sections
        self.containers = {key: [identity, posture] for key, identity, posture in index.containers}
        self.digests = frozenset(index.bodies)


def delta_of(index, base):
    """``(part, more)``: changed sections and rows, and the names of those that are gone."""
    sections = {
        name: value for name, value in index.sections.items() if base.sections.get(name) != value
    }
    containers = [row for row in index.containers if base.containers.get(row[0]) != list(row[1:])]
    left = {row[0] for row in index.containers}
    more = {
        "delta": True,
        "sections_gone": sorted(set(base.sections) - set(index.sections)),
        "gone": sorted(set(base.containers) - left),
    }
    return Part(sections, containers, index.root, index.bodies, index.unique), more


def nothing_changed(root):
    """``(part, more)`` of a message that carries no facts."""
    return Part({}, [], root, {}, ()), {"delta": True, "sections_gone": [], "gone": []}


def with_more(raw, more):
    """The JSON object in ``raw`` (bytes) with the keys of ``more``, which it does not have."""
    return raw[:-1] + b"," + canonical(more)[1:] if more else raw
