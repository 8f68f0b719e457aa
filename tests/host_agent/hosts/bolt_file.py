"""A bbolt database with one value, as podman before 4.8 writes its state."""

import struct

from underpin_agent.enrichment import bolt

SIZE = 4096


def holding(path, value):
    """The bytes of a file with ``value`` under ``path``: small buckets lie in their parent."""
    *buckets, key = path
    page = leaf([(0, key, value)])
    for bucket in reversed(buckets[1:]):
        page = leaf([(1, bucket, struct.pack("=QQ", 0, 0) + page)])
    pages = [leaf([(1, buckets[0], struct.pack("=QQ", 3, 0))]), page]
    body = b"".join(one.ljust(-(-len(one) // SIZE) * SIZE, b"\0") for one in pages)
    return meta(0, 5) + meta(1, 4, root=99) + body  # the older head names a page that is gone


def meta(number, transaction, *, root=2):
    """One of the two heads."""
    head = struct.pack("=QHHI", number, 4, 0, 0)
    raw = struct.pack("=4I5Q", bolt.MAGIC, bolt.VERSION, SIZE, 0, root, 0, 0, 0, transaction)
    return (head + raw + struct.pack("=Q", bolt._checksum(raw))).ljust(SIZE, b"\0")


def leaf(rows):
    """A page of ``(is bucket, key, value)``."""
    head = struct.pack("=QHHI", 0, bolt.LEAF, len(rows), 0)
    elements, data, start = b"", b"", 16 * len(rows)
    for number, (is_bucket, key, value) in enumerate(rows):
        position = start - 16 * number + len(data)
        elements += struct.pack("=4I", is_bucket, position, len(key), len(value))
        data += key + value
    return head + elements + data
