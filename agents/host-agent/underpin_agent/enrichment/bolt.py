"""One value out of a bbolt database (podman until 4.7 keeps its state in one), without a lock.

The file is a copy-on-write tree of pages: two pages at its start name the root of the newest tree,
a page holds either keys with the number of the next page or keys with values, and a bucket is a
value that names or holds a tree of its own (go.etcd.io/bbolt, page.go and bucket.go).
"""

import struct

MAGIC, VERSION = 0xED0C_DAED, 2
BRANCH, LEAF = 1, 2
HEADER, ELEMENT = 16, 16  # bytes of a page's head and of one entry in it
MAX_DEPTH = 32


class NotBolt(ValueError):
    """The bytes are no such database, or one that was being written."""


def value(data, path):
    """The bytes stored under ``path``, keys of nested buckets first; None when a key is missing."""
    try:
        size, page = _newest(data)
        found = _look_up(data, size * page, size, path[0])
        for key in path[1:]:
            if found is None:
                return None
            found = _inside(data, size, found, key)
    except (struct.error, IndexError, OverflowError):
        raise NotBolt(len(data)) from None
    return None if found is None else bytes(found)


def _newest(data):
    """``(page size, root page)`` of the valid head with the higher transaction number."""
    heads, size = [], struct.unpack_from("=I", data, HEADER + 8)[0]
    if size not in (1 << bits for bits in range(9, 17)):
        raise NotBolt(size)
    for at in (HEADER, HEADER + size):
        magic, version, _, _, root, _, _, _, number, check = struct.unpack_from("=4I6Q", data, at)
        if (magic, version) == (MAGIC, VERSION) and check == _checksum(data[at : at + 56]):
            heads.append((number, root))
    if not heads:
        raise NotBolt(len(data))
    return size, max(heads)[1]


def _checksum(raw):
    """FNV-1a with 64 bits."""
    found = 0xCBF2_9CE4_8422_2325
    for byte in raw:
        found = (found ^ byte) * 0x100_0000_01B3 & 0xFFFF_FFFF_FFFF_FFFF
    return found


def _inside(data, size, bucket, key):
    root = struct.unpack_from("=Q", bucket, 0)[0]
    if root:
        return _look_up(data, size * root, size, key)
    return _look_up(bucket, HEADER, size, key, whole=data)  # a small bucket holds its only page


def _look_up(data, at, size, key, *, whole=None):
    for _ in range(MAX_DEPTH):
        flags, count = struct.unpack_from("=8xHH", data, at)
        starts = [at + HEADER + ELEMENT * number for number in range(count)]
        if flags & LEAF:
            return _in_leaf(data, starts, key)
        if not flags & BRANCH or not starts:
            return None
        below = starts[0]
        for start in starts:
            position, length = struct.unpack_from("=II", data, start)
            if bytes(data[start + position : start + position + length]) <= key:
                below = start
        at, data = size * struct.unpack_from("=8xQ", data, below)[0], whole or data
    raise NotBolt(MAX_DEPTH)


def _in_leaf(data, starts, key):
    for start in starts:
        _, position, length, rest = struct.unpack_from("=4I", data, start)
        first = start + position
        if bytes(data[first : first + length]) == key:
            return memoryview(data)[first + length : first + length + rest]
    return None
