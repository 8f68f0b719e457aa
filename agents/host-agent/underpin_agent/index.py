"""The index: digests of all sections and containers, and which bodies travel with it."""

import gzip
import json
import zlib
from collections import namedtuple
from collections.abc import Mapping

from .canonical import canonical, digest

MAX_REASON = 255
INLINE_BELOW_BYTES = 2_048
MAX_INDEX_BYTES, MAX_INDEX_WIRE_BYTES = 262_144, 65_536
MAX_BLOBS_BYTES, MAX_BLOBS_WIRE_BYTES = 4_194_304, 524_288


class Index(namedtuple("Index", "sections containers root bodies unique", defaults=((),))):
    """Digests of one collection. ``bodies`` maps digest to canonical text; ``unique`` are the
    sorted digests of bodies that no other host will have."""

    __slots__ = ()


class Bodies(Mapping):
    """``{digest: text}`` that keeps the texts compressed: a host with 50 containers in 40 KB."""

    __slots__ = ("_packed",)

    def __init__(self, packed):
        self._packed = packed

    def __getitem__(self, name):
        return zlib.decompress(self._packed[name]).decode()

    def __contains__(self, name):
        return name in self._packed

    def __iter__(self):
        return iter(self._packed)

    def __len__(self):
        return len(self._packed)


def packed(body):
    """``(digest, compressed canonical text)`` of one body."""
    raw = canonical(body)
    squeeze = zlib.compressobj(3, zlib.DEFLATED, 13, 6)  # a third of the time, for a tenth more
    return digest(raw), squeeze.compress(raw) + squeeze.flush()


def problem(error, needs):
    """The entry of a section that could not be read."""
    return {"err": str(error)[:MAX_REASON], "need": str(needs)[:MAX_REASON]}


def build_index(collection):
    """The ``Index`` of a collection as ``collect`` returns it."""
    kept, sections = {}, {}

    def keep(body):
        name, raw = packed(body)
        kept[name] = raw
        return name

    for name, body in collection["sections"].items():
        if "error" in body:
            sections[name] = problem(body["error"], body.get("needs", ""))
        else:
            sections[name] = keep(body)
    containers = [
        [row["key"], keep(row["identity"]), keep(row["posture"])]
        for row in collection["containers"]
    ]
    return make_index(sections, containers, kept)


def make_index(sections, containers, kept):
    """The ``Index`` of ready digests and their compressed bodies."""
    unique = {entry for entry in sections.values() if isinstance(entry, str)}
    unique.update(identity for _key, identity, _posture in containers)
    root = root_of(sections, containers)
    return Index(sections, containers, root, Bodies(kept), sorted(unique))


def root_of(sections, containers):
    """SHA-256 over the sections and containers of an index; what the heartbeat carries."""
    pairs = {key: [identity, posture] for key, identity, posture in containers}
    return digest(canonical({"sections": sections, "containers": pairs}))


def index_body(index, *, generation, previous, known=frozenset()):
    """The bytes of one /index request. Bodies in ``known`` were stored by the server before."""
    request = {
        "v": 1,
        "gen": generation,
        "prev": previous,
        "root": index.root,
        "sections": index.sections,
        "containers": index.containers,
        "inline": _inline(index, known),
    }
    raw = canonical(request)
    if len(raw) > MAX_INDEX_BYTES or len(gzip.compress(raw, 6)) > MAX_INDEX_WIRE_BYTES:
        raw = canonical({**request, "inline": {}})  # then the server asks for what it lacks
    return raw


def _inline(index, known):
    return {
        name: index.bodies[name]
        for name in index.unique
        if name not in known and len(index.bodies[name].encode()) < INLINE_BELOW_BYTES
    }


def blob_requests(index, wanted):
    """``(digests, bytes)`` of each /blobs request for the digests in ``wanted`` that exist."""
    batch, size = {}, 0
    for name in wanted:
        text = index.bodies.get(name)
        if text is None or name in batch:
            continue
        cost = len(json.dumps(text)) + 70
        if batch and size + cost > MAX_BLOBS_BYTES:
            yield from _fitting(batch)
            batch, size = {}, 0
        batch[name] = text
        size += cost
    if batch:
        yield from _fitting(batch)


def _fitting(batch):
    """The batch as one request, or halves of it until each fits on the wire."""
    raw = canonical({"v": 1, "blobs": batch})
    if len(batch) == 1 or len(gzip.compress(raw, 6)) <= MAX_BLOBS_WIRE_BYTES:
        yield list(batch), raw
        return
    names = list(batch)
    middle = len(names) // 2
    for half in (names[:middle], names[middle:]):
        yield from _fitting({name: batch[name] for name in half})
