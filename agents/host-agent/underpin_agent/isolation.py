"""Collecting in a forked child with hard limits, so that the parent stays small and alive."""

import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import time

from . import __version__
from .canonical import canonical
from .collection import SCHEMA, build_context, collect, collect_sections
from .collectors import COLLECTORS
from .containers import collect_containers, failed_container
from .index import Index, build_index

GROWTH_BYTES, CPU_SECONDS, WALL_SECONDS = 268_435_456, 5, 20.0
MAX_RESULT_BYTES = 16_777_216
MAX_STUCK = 2
NICE = 10


class ChildFailed(Exception):
    """The child gave no result: the text says how it ended."""


class Isolated:
    """Runs collections in children. A child stuck in the kernel (dead NFS) cannot be killed: it is
    remembered, and with two of them no further one is started."""

    def __init__(self, root="/", org_salt=b"", options=None):
        self._arguments = (root, org_salt, options)
        self._stuck = []

    def use_salt(self, org_salt):
        """Key every later HMAC with the workspace's salt."""
        root, _old, options = self._arguments
        self._arguments = (root, org_salt, options)

    def collect(self):
        """The Collection. When the one child for everything fails, one child per section finds
        which of them is at fault, and only that section becomes an error."""
        try:
            return self.run(self._everything)
        except ChildFailed as failure:
            return self._one_by_one(str(failure))

    def index(self):
        """The ``Index`` of a collection. The child makes it too: texts take the parent a fifth of
        the memory that the facts themselves would."""
        try:
            return Index(**self.run(lambda: vars(build_index(self._everything()))))
        except ChildFailed as failure:
            return build_index(self._one_by_one(str(failure)))

    def _everything(self):
        return collect(*self._arguments)

    def _one_by_one(self, first):
        sections = {}
        for name in COLLECTORS:
            try:
                sections.update(self.run(lambda name=name: self._section(name)))
            except ChildFailed as failure:
                sections[name] = {"error": str(failure), "needs": ""}
        try:
            containers = self._containers()
        except ChildFailed as failure:
            sections["host"] = {"error": "%s (first: %s)" % (failure, first), "needs": ""}
            containers = []
        return {
            "schema": SCHEMA,
            "agent_version": __version__,
            "sections": sections,
            "containers": containers,
        }

    def _containers(self):
        """Each container alone, so that a hostile one hides only itself."""
        try:
            return self.run(lambda: collect_containers(self._context()))
        except ChildFailed:
            pass
        found = []
        for key in self.run(lambda: [one.key for one in self._context().discovery.containers]):
            try:
                found += self.run(lambda key=key: collect_containers(self._context(), (key,)))
            except ChildFailed as failure:
                found.append(failed_container(key, str(failure)))
        return found

    def _context(self):
        return build_context(*self._arguments)

    def _section(self, name):
        return collect_sections(self._context(), (name,))

    def run(self, work):
        """The JSON value of ``work()`` run in a child. Raises ChildFailed."""
        self._stuck = [pid for pid in self._stuck if not _gone(pid)]
        if len(self._stuck) >= MAX_STUCK:
            text = "two collectors hang in the kernel"
            raise ChildFailed(text)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _child(reader, writer, work)
        os.close(writer)
        try:
            raw, trouble = _read(reader)
        finally:
            os.close(reader)
        status = self._reap(pid)
        if status is not None and trouble:
            raise ChildFailed(trouble)
        if status != 0:
            raise ChildFailed(_ending(status))
        return json.loads(raw)

    def _reap(self, pid):
        """The child's exit status; kills it first when it still runs."""
        for attempt in range(100):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
            if attempt == 20:
                os.killpg(pid, signal.SIGKILL) if os.getpgid(pid) == pid else os.kill(pid, 9)
            time.sleep(0.005 if attempt < 20 else 0.01)
        self._stuck.append(pid)
        return None


def _gone(pid):
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _ending(status):
    """Why a child whose result ended early, late or never gave none."""
    if status is None:
        return "the collector hangs in the kernel"
    if status < 0:
        return "the collector was ended by signal %d" % -status
    return "the collector failed with status %d" % status


def _child(reader, writer, work):
    status = 1
    try:
        os.close(reader)
        gc.disable()  # a sweep would copy every page of the parent; the child ends soon anyway
        os.setpgid(0, 0)
        _limit()
        raw = canonical(work())
        while raw:
            raw = raw[os.write(writer, raw) :]
        status = 0
    except BaseException as error:  # noqa: BLE001 the child must end here, whatever happened
        sys.stderr.write("underpin-agent: collector: %s: %s\n" % (type(error).__name__, error))
    finally:
        os._exit(status)


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


def _read(reader):
    """``(bytes, trouble)``: trouble is ``""`` when the child closed its end in time and bounds."""
    parts, size, end = [], 0, time.monotonic() + WALL_SECONDS
    while size <= MAX_RESULT_BYTES:
        left = end - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            return b"", "the collector gave no result in %d s" % WALL_SECONDS
        part = os.read(reader, 262_144)
        if not part:
            return b"".join(parts), ""
        parts.append(part)
        size += len(part)
    return b"", "the collector's result is too long"
