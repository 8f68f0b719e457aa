"""The sampler as a forked child, and the parent's end of its pipe."""

import contextlib
import errno
import fcntl
import gc
import json
import os
import resource
import signal
import sys
import time

MAX_ROWS, MAX_BATCH_BYTES = 200, 131_072  # handed over at a time, for one request
MAX_HELD_BYTES, MAX_OWN_BYTES = 524_288, 262_144
PIPE_BYTES = 262_144
RESTART_SECONDS = 60.0
MAX_WAIT_SECONDS = 5.0
NICE = 5
GROWTH_BYTES = 67_108_864
MAX_FILES = 256
F_SETPIPE_SZ = 1031


def since_boot():
    """Seconds since the host booted, suspended time counted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Samples:
    """The parent's side. Starts the child, starts it again when it died, holds rows until sent."""

    def __init__(self, root="/"):
        self.root = root
        self.pid, self.reader = 0, -1
        self.started = since_boot()
        self.dropped = 0
        self._tried_at = None
        self._part = b""
        self._rows, self._held = [], 0  # encoded rows; their size

    def waiting(self):
        """Finished rows, oldest first, as many as fit one request; ``n`` is the time of handing
        over."""
        self._drain()
        self._ensure_running()
        now, batch, size = round(since_boot(), 1), [], 0
        for raw in self._rows[:MAX_ROWS]:
            size += len(raw)
            if batch and size > MAX_BATCH_BYTES:
                break
            batch.append({**json.loads(raw), "n": now})
        return batch

    def sent(self, rows):
        """The server took these, as ``waiting`` gave them."""
        for raw in self._rows[: len(rows)]:
            self._held -= len(raw)
        del self._rows[: len(rows)]

    def stop(self):
        """End the child."""
        if self.pid:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(self.pid, 0)
            self._closed()

    def _ensure_running(self):
        if self.pid:
            return
        now = since_boot()
        if self._tried_at is not None and now - self._tried_at < RESTART_SECONDS:
            return
        self._tried_at = now
        with contextlib.suppress(OSError):  # no process or descriptor left: later
            self._start()

    def _start(self):
        reader, writer = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            os.close(reader)
            os.close(writer)
            raise
        if pid == 0:
            _run(self.root, writer, self.started)
        os.close(writer)
        os.set_blocking(reader, False)
        self.pid, self.reader, self._part = pid, reader, b""

    def _drain(self):
        while self.pid:
            try:
                part = os.read(self.reader, 65_536)
            except BlockingIOError:
                return
            if not part:
                self._reap()
                return
            *lines, self._part = (self._part + part).split(b"\n")
            for line in lines:
                self._rows.append(line)
                self._held += len(line)
            while self._held > MAX_HELD_BYTES:
                self._held -= len(self._rows.pop(0))
                self.dropped += 1

    def _reap(self):
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, os.WNOHANG)
        self._closed()

    def _closed(self):
        os.close(self.reader)
        self.pid, self.reader, self._part = 0, -1, b""


class Writer:
    """The child's end of the pipe; never blocks, drops the oldest rows when nobody reads."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE_BYTES)
        self._lines, self._size = [], 0

    def emit(self, row):
        """Take one row."""
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        self._lines.append(line)
        self._size += len(line)
        while self._size > MAX_OWN_BYTES and len(self._lines) > 1:
            # The first may be written in part: it stays, else the reader sees a torn line.
            self._size -= len(self._lines.pop(1))
        self.flush()

    def flush(self):
        """Write what the pipe takes."""
        while self._lines:
            try:
                count = os.write(self.descriptor, self._lines[0])
            except BlockingIOError:
                return
            self._size -= count
            self._lines[0] = self._lines[0][count:]
            if not self._lines[0]:
                self._lines.pop(0)


def _run(root, descriptor, started):
    """The child: never returns."""
    status = 1
    parent = os.getppid()
    try:
        _settle(descriptor)
        # Here and not at the top: the parent never samples and need not hold the code.
        from ..backoff import uniform  # noqa: PLC0415
        from ..fingerprint import boot_id  # noqa: PLC0415
        from ..reading import Host  # noqa: PLC0415
        from .sampler import Sampler  # noqa: PLC0415
        from .triggers import Triggers  # noqa: PLC0415

        host, writer = Host(root), Writer(descriptor)
        sampler = Sampler(
            host,
            emit=writer.emit,
            clock=since_boot,
            cpu=time.process_time,
            pick=uniform,
            boot=boot_id(host)[:8],
            agent_cpu=lambda: agent_cpu_us(parent),
            started=started,
        )
        _work(sampler, writer, Triggers(sampler.files, watched=descriptor), parent)
        status = 0
    except BaseException as error:  # noqa: BLE001 the child must end here, whatever happened
        sys.stderr.write("underpin-agent: sampler: %s: %s\n" % (type(error).__name__, error))
    finally:
        os._exit(status)


def _work(sampler, writer, triggers, parent):
    while os.getppid() == parent:
        wait = sampler.step()
        if wait == 0.0:
            continue
        writer.flush()
        triggers.follow(sampler.containers)
        keys, parent_is_gone = triggers.wait(min(wait, MAX_WAIT_SECONDS))
        if parent_is_gone:
            return
        for key in keys:
            sampler.alarm(key)


def _settle(descriptor):
    """Own group, own limits, and none of the parent's files: a lock held here would outlive it."""
    os.setpgid(0, 0)
    gc.freeze()  # a sweep over what the parent holds would copy all of it
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != descriptor:
            with contextlib.suppress(OSError):
                os.close(int(name))
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    for kind, value in (
        (resource.RLIMIT_AS, mapped + GROWTH_BYTES),
        (resource.RLIMIT_NOFILE, MAX_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))


def agent_cpu_us(parent):
    """Processor time of the agent: the parent with its ended children, and this process."""
    try:
        with open("/proc/%d/stat" % parent, "rb") as file:
            words = file.read().rpartition(b")")[2].split()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESRCH):
            return None
        raise
    ticks = sum(int(word) for word in words[11:15])
    return ticks * (1_000_000 // os.sysconf("SC_CLK_TCK")) + int(time.process_time() * 1e6)
