"""Segment files of the spool: one header, then records of length, CRC32, sequence and payload.

Little endian. The header names epoch and first sequence, so a file from elsewhere, or one that was
renamed, is known for what it is. The first record whose sum is wrong ends what can be trusted.
"""

import os
import stat
import struct
import zlib

WHOLE, THINNED = b"UPS1", b"UPS2"  # a thinned segment has lost its less important records
HEAD = struct.Struct("<4sQQI")
RECORD = struct.Struct("<IIQ")
NUMBER = struct.Struct("<Q")
MAX_PAYLOAD_BYTES = 65_536


class Read:
    """What one file held: ``rows`` of (sequence, payload), and where the good part ended."""

    __slots__ = ("end", "epoch", "first", "rows", "size", "thinned")

    def __init__(self, epoch, first, *, size, thinned):
        self.epoch, self.first, self.rows = epoch, first, []
        self.end, self.size, self.thinned = HEAD.size, size, thinned


def head_bytes(epoch, first, magic=WHOLE):
    """The bytes a segment begins with."""
    plain = HEAD.pack(magic, epoch, first, 0)[:-4]
    return plain + struct.pack("<I", zlib.crc32(plain))


def record_bytes(number, payload):
    """One record."""
    sum_of = zlib.crc32(payload, zlib.crc32(NUMBER.pack(number)))
    return RECORD.pack(len(payload), sum_of, number) + payload


def file_bytes(path, max_bytes):
    """At most ``max_bytes`` of a regular file. Raises OSError for anything else."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            text = "not a regular file"
            raise OSError(text)
        return os.read(fd, max_bytes)
    finally:
        os.close(fd)


def parse_head(raw):
    """An empty ``Read`` for the header in ``raw``, or None when it is none of ours."""
    if len(raw) < HEAD.size:
        return None
    magic, epoch, first, sum_of = HEAD.unpack_from(raw)
    if magic not in (WHOLE, THINNED) or zlib.crc32(raw[: HEAD.size - 4]) != sum_of:
        return None
    return Read(epoch, first, size=len(raw), thinned=magic == THINNED)


def parse(raw):
    """The ``Read`` of a whole file, or None when its header is not ours."""
    found = parse_head(raw)
    if found is None:
        return None
    last = found.first - 1
    while True:
        row = record_at(raw, found.end)
        if row is None or row[0] <= last:
            return found
        found.rows.append(row)
        last = row[0]
        found.end += RECORD.size + len(row[1])


def record_at(raw, offset):
    """``(sequence, payload)`` at ``offset``, or None when no whole and sound record is there."""
    if offset + RECORD.size > len(raw):
        return None
    size, sum_of, number = RECORD.unpack_from(raw, offset)
    begin = offset + RECORD.size
    if size > MAX_PAYLOAD_BYTES or begin + size > len(raw):
        return None
    payload = raw[begin : begin + size]
    if zlib.crc32(payload, zlib.crc32(raw[offset + 8 : begin])) != sum_of:
        return None
    return number, payload


def highest_after(raw, found):
    """The highest sequence in a sound record behind the damage; 0 when there is none.

    Only for knowing which numbers were given away: what stands behind damage is not used.
    """
    low = found.rows[-1][0] if found.rows else found.first - 1
    bound = low + 2 + (len(raw) - found.end) // RECORD.size
    highest = 0
    for offset in range(found.end + 1, len(raw) - RECORD.size + 1):
        (number,) = NUMBER.unpack_from(raw, offset + 8)
        if low < number <= bound and record_at(raw, offset) is not None:
            highest = max(highest, number)
    return highest


def is_cut(raw, end):
    """True when what follows ``end`` is what a crash leaves: a record not written to its end."""
    if len(raw) - end < RECORD.size:
        return True
    size = RECORD.unpack_from(raw, end)[0]
    return size <= MAX_PAYLOAD_BYTES and end + RECORD.size + size > len(raw)
