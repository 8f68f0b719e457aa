"""The segment files of one spool folder: finding, reading, thinning and removing them."""

import contextlib
import errno
import os
import re
import time

from . import mark, segment

NAME = re.compile(r"^([0-9]{20})\.seg$")
MAX_READ_BYTES = 1_048_576  # whatever lies in the folder
NONSENSE_SECONDS = 400 * 86_400.0  # older than this: the clock was set, not the file forgotten
LESSER = (b'"class":"C"', b'"class":"B"')  # these go first when space is short


class Piece:
    """One segment file: its first sequence, size, when it was last written (``since_boot``)."""

    __slots__ = ("first", "lesser", "path", "size", "written")

    def __init__(self, folder, first, *, size, written):
        self.first, self.size, self.written = first, size, written
        self.path = os.path.join(folder, "%020d.seg" % first)
        self.lesser = True  # it may hold events of the lesser classes


def since_boot():
    """Seconds since boot, time asleep included: ages do not stop while a laptop sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def find(folder):
    """``[(Piece, epoch)]`` of the segments in the folder, by sequence. What is named like one and
    is none is removed; everything else is left alone."""
    found = []
    for name in sorted(os.listdir(folder)):
        named = NAME.match(name)
        if named is None:
            continue
        path = os.path.join(folder, name)
        try:
            head = segment.parse_head(segment.file_bytes(path, segment.HEAD.size))
            status = os.lstat(path)
        except OSError:
            continue  # a folder, a link, a FIFO: not ours
        if head is None or head.first != int(named.group(1)):
            remove(path)
            continue
        age = time.time() - status.st_mtime
        age = age if 0 < age < NONSENSE_SECONDS else 0.0
        piece = Piece(folder, head.first, size=status.st_size, written=since_boot() - age)
        found.append((piece, head.epoch))
    return found


def begin(folder, epoch, first):
    """A new segment as ``(Piece, descriptor)``, its name on disk. Raises OSError."""
    piece = Piece(folder, first, size=segment.HEAD.size, written=since_boot())
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_APPEND
    fd = os.open(piece.path, flags, 0o600)
    try:
        write(fd, segment.head_bytes(epoch, first))
        mark.sync_folder(folder)
    except OSError:
        os.close(fd)
        remove(piece.path)
        raise
    return piece, fd


def write(fd, raw):
    """Write all of it. Raises OSError."""
    if os.write(fd, raw) != len(raw):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def give_up(fd, size):
    """Close after a failed write: no half record may stay in front of later ones. Where it cannot
    be cut off, reading stops at it, and the next record goes to a new file."""
    with contextlib.suppress(OSError):
        os.ftruncate(fd, size)
    os.close(fd)


def ours(folder, epoch):
    """The pieces of one epoch; those of others are removed."""
    found = []
    for piece, other in find(folder):
        if other == epoch:
            found.append(piece)
        else:
            remove(piece.path)
    return found


def read(piece):
    """The ``segment.Read`` of one file, or None. Raises OSError."""
    return segment.parse(segment.file_bytes(piece.path, min(piece.size, MAX_READ_BYTES)))


def last_given(piece, *, is_mark_known):
    """``(number, lost)``: the highest number that may have been given to an event of the last
    segment, and how many events were lost in it at least. Raises OSError."""
    raw = segment.file_bytes(piece.path, min(piece.size, MAX_READ_BYTES))
    found = segment.parse(raw)
    if found is None:
        return piece.first, 0
    last, lost = found.rows[-1][0] if found.rows else piece.first - 1, 0
    rest = len(raw) - found.end
    if not rest:
        return last, 0
    highest = segment.highest_after(raw, found)
    if highest or not segment.is_cut(raw, found.end):
        lost = max(highest - last, 1)
        last = max(highest, last + 1)
    if not is_mark_known:  # then nothing says which numbers the server has seen
        last += 1 + rest // segment.RECORD.size
    return last, lost


def thin(piece, epoch, word):
    """Rewrite one segment without the events that hold ``word``; it goes when none is left.
    Returns ``(first, last, events dropped)``, or None when there was none. Raises OSError."""
    if not piece.lesser:
        return None
    found = read(piece)
    rows = found.rows if found else []
    kept = [row for row in rows if word not in row[1]]
    piece.lesser = any(one in row[1] for row in kept for one in LESSER)
    if len(kept) == len(rows):
        return None
    if kept:
        head = segment.head_bytes(epoch, piece.first, segment.THINNED)
        raw = head + b"".join(segment.record_bytes(*row) for row in kept)
        mark.replace(os.path.dirname(piece.path), os.path.basename(piece.path), raw)
        piece.size = len(raw)
    else:
        piece.size = 0
        remove(piece.path)
    return rows[0][0], rows[-1][0], len(rows) - len(kept)


def remove(path):
    """Delete a file. A read-only disk keeps it: it is looked at again at the next start."""
    with contextlib.suppress(OSError):
        os.unlink(path)
