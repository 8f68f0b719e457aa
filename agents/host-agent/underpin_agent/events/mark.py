"""How far the server has the spool: one file of 32 bytes, replaced by rename."""

import os
import struct
import zlib

NAME = "acked"
MAGIC = b"UPA1"
PLAIN = struct.Struct("<4sQQQ")


class Mark:
    """``acked``: the server has everything up to it. ``sent``: no higher number was ever sent, so
    higher ones may be given again after damage."""

    __slots__ = ("acked", "epoch", "sent")

    def __init__(self, epoch, acked=0, sent=0):
        self.epoch, self.acked, self.sent = epoch, acked, sent


def read(folder):
    """The mark in ``folder``; None when there is none, or it is damaged."""
    try:
        fd = os.open(os.path.join(folder, NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        raw = os.read(fd, 64)
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(raw) != PLAIN.size + 4 or raw[PLAIN.size :] != _sum(raw[: PLAIN.size]):
        return None
    magic, epoch, acked, sent = PLAIN.unpack_from(raw)
    return Mark(epoch, acked, max(acked, sent)) if magic == MAGIC else None


def write(folder, mark):
    """Replace the file; on disk when this returns. Raises OSError."""
    plain = PLAIN.pack(MAGIC, mark.epoch, mark.acked, mark.sent)
    replace(folder, NAME, plain + _sum(plain))


def replace(folder, name, raw):
    """Replace one file of the folder as a whole: a crash leaves old or new. Raises OSError."""
    path = os.path.join(folder, name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path + ".new", flags, 0o600)
    try:
        with memoryview(raw) as left:
            done = 0
            while done < len(raw):
                done += os.write(fd, left[done:])
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(path + ".new", path)
    sync_folder(folder)


def sync_folder(folder):
    """Make names in the folder durable. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sum(raw):
    return struct.pack("<I", zlib.crc32(raw))
