"""One forked child at a time: hard limits, a deadline, and messages through a pipe.

The parent stays small and alive whatever happens in the child. A child stuck in the kernel (dead
NFS) cannot be killed: it is remembered, and with two of them no further one is started.
"""

import contextlib
import errno
import gc
import json
import os
import resource
import select
import signal
import struct
import time

GROWTH_BYTES, CPU_SECONDS, WALL_SECONDS = 268_435_456, 5, 20.0
MAX_RESULT_BYTES = 4_194_304
MAX_STUCK = 2
KILL_SECONDS = 1.0
NICE = 10
HEAD = struct.Struct("=II")  # bytes of the JSON text, bytes of the blob


class ChildFailed(Exception):
    """The child gave no result: the text says how it ended."""


class Stuck(ChildFailed):
    """It hangs in the kernel and lives on."""


class Children:
    """Starts children. ``cpu`` is what all of them used so far, in seconds; ``stuck`` are those
    that hang."""

    def __init__(self, stuck=()):
        self.cpu = 0.0
        self.stuck = list(stuck)

    def run(self, work):
        """The messages ``(value, blob)`` that ``work(send)`` sent in a child; ``send(value,
        blob)`` takes a JSON value and bytes. Raises ChildFailed at the end if it broke off."""
        if len(self.recheck()) >= MAX_STUCK:
            text = "two collectors hang in the kernel"
            raise ChildFailed(text)
        pid, reader = _start(work)
        trouble = ""
        try:
            yield from _messages(reader)
        except ChildFailed as failure:
            trouble = str(failure)
        except BaseException:
            trouble = "the agent was stopped"
            raise
        finally:
            os.close(reader)
            status = self._finish(pid, patience=0.0 if trouble else KILL_SECONDS)
        if status is None:
            text = "the collector hangs in the kernel"
            raise Stuck(text)
        if trouble or status != 0:
            raise ChildFailed(trouble or _ending(status))

    def recheck(self):
        """Numbers of the children that still hang."""
        self.stuck = [pid for pid in self.stuck if not self._ended(pid)]
        return self.stuck

    def _finish(self, pid, *, patience):
        """The child's exit status once it ended; its whole group is killed. None: it is stuck."""
        if not _wait(pid, patience):
            _kill_group(pid)
            if not _wait(pid, KILL_SECONDS):
                self.stuck.append(pid)
                return None
        _kill_group(pid)  # what it forked; the zombie still holds the number of the group
        _pid, status, usage = os.wait4(pid, 0)
        self.cpu += usage.ru_utime + usage.ru_stime
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)

    def _ended(self, pid):
        try:
            done, _status, usage = os.wait4(pid, os.WNOHANG)
        except ChildProcessError:
            return True
        self.cpu += usage.ru_utime + usage.ru_stime if done else 0.0
        return done == pid


def _wait(pid, seconds):
    """True when the child has ended within ``seconds``; it stays a zombie."""
    end, pause = time.monotonic() + seconds, 0.001
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
        pause = min(0.02, pause * 2)
    return True


def _kill_group(pid):
    for kill in (os.killpg, os.kill):  # the group may not exist yet
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)


def _ending(status):
    if status < 0:
        return "the collector was ended by signal %d" % -status
    return "the collector failed with status %d" % status


def _start(work):
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        name = errno.errorcode.get(error.errno, str(error.errno))
        text = "no collector could be started: %s" % name
        raise ChildFailed(text) from None
    if pid == 0:
        _child(reader, writer, work)
    os.close(writer)
    return pid, reader


def _child(reader, writer, work):
    status = 1
    try:
        os.close(reader)
        gc.disable()  # a sweep would copy every page of the parent; the child ends soon anyway
        os.setpgid(0, 0)
        _limit()
        _silence()
        send = _sender(writer)
        try:
            work(send)
            send({"end": True})
            status = 0
        except BaseException as error:  # noqa: BLE001 the child must end here, whatever happened
            # Its text may quote what a collector read, a password for one: the name must do.
            with contextlib.suppress(BaseException):
                send({"broken": type(error).__name__})
    finally:
        os._exit(status)


def _sender(writer):
    def send(value, blob=b""):
        text = json.dumps(value, separators=(",", ":")).encode()
        raw = HEAD.pack(len(text), len(blob)) + text + blob
        while raw:
            raw = raw[os.write(writer, raw) :]

    return send


def _silence():
    """Nothing that a collector prints reaches the journal; signals end it as they should."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _limit():
    """Own limits. A sandbox around the agent may refuse to change them: its own hold then."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    for kind, value in (
        (resource.RLIMIT_AS, _address_space() + GROWTH_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _address_space():
    """Bytes that the process has mapped already. The limit lies above them: a thread that cannot
    get memory at its start leaves its starter waiting for ever, and mappings differ by system."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _messages(reader):
    """What the child sends until it says that it is done. Each message has a deadline of its own.
    Raises ChildFailed when one is late, too long, or the child's own last word."""
    size, end = 0, time.monotonic() + WALL_SECONDS
    while True:
        head = _exactly(reader, HEAD.size, end)
        if not head:
            return  # it died: its status says how
        text, blob = HEAD.unpack(head)
        size += text + blob
        if size > MAX_RESULT_BYTES:
            message = "the collector's result is too long"
            raise ChildFailed(message)
        value, blob = json.loads(_exactly(reader, text, end) or "{}"), _exactly(reader, blob, end)
        if "broken" in value:
            message = "the collector failed: %s" % value["broken"]
            raise ChildFailed(message)
        if "end" in value:
            return
        yield value, blob
        end = time.monotonic() + WALL_SECONDS


def _exactly(reader, count, end):
    """``count`` bytes; empty when the child closed its end before. Raises ChildFailed."""
    raw = bytearray()
    while len(raw) < count:
        left = end - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            text = "the collector gave no result in %d s" % WALL_SECONDS
            raise ChildFailed(text)
        part = os.read(reader, count - len(raw))
        if not part:
            return b""
        raw += part
    return bytes(raw)
