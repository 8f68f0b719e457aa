"""Everything one container's facts are made from, read once."""

from .. import derive, mountinfo
from ..reading import Absent, ReadFailed, Section

PREFIX = "containers[]."
SETTLED_SECONDS = 2.0
MAX_DESCRIPTORS = 512
MAX_SCANNED = 200


class Material:
    """One container while its facts are gathered.

    ``members`` are the leader and every process older than two seconds: a runtime that is just
    entering the container still has the host's rights and would be taken for a weakness.
    """

    def __init__(self, view, found, claim):
        self.view = view
        self.host = view.host
        self.found = found
        self.claim = claim
        self.leader = found.leader
        self.identity = Section()
        self.posture = Section()
        self.members = settled(found, view.context.processes)
        self.inside = self.host.inside(self.leader.pid)
        self.mounts = self._mounts()
        self.inside.blocked_mounts = _unanswering(self.mounts or [])
        self.rows = []  # rows of mounts[], filled by mounts.py
        self.links = []  # scanned mounts' nodes, filled by mounts.py
        self._descriptors = None

    def put(self, name, value):
        """A posture fact: ``put("seccomp.source", "oci")``."""
        _put(self.posture.facts, name, value)

    def missing(self, name, reason, errno_name="", needs=""):
        """A posture fact that could not be collected."""
        self.posture.missing(PREFIX + name, reason, errno_name, needs)

    def failed(self, name, failure, needs=""):
        """A posture fact whose reading failed."""
        self.posture.failed(PREFIX + name, failure, needs)

    def claimed(self, name, value):
        """A posture fact that only the runtime knows; None is unknown for the claim's reason."""
        if value is None:
            self.missing(name, self.claim.reason, self.claim.errno, self.claim.needs)
            return
        self.put(name, value)

    def read(self, name):
        """``/proc/<leader>/<name>`` as text. Raises ReadFailed."""
        return self.host.read("/proc/%d/%s" % (self.leader.pid, name), mountinfo.MAX_BYTES)

    def _mounts(self):
        try:
            return mountinfo.parse(self.read("mountinfo"))
        except ReadFailed as failure:
            self.failed("mounts", failure)
            return None

    def descriptors(self):
        """``([(process, number, link text)], failure or None, cut)`` of all members, read once."""
        if self._descriptors is None:
            self._descriptors = self._read_descriptors()
        return self._descriptors

    def _read_descriptors(self):
        rows, failed = [], None
        cut = len(self.members) > MAX_SCANNED
        for process in self.members[:MAX_SCANNED]:
            path = "/proc/%d/fd" % process.pid
            try:
                numbers = self.host.names(path)
                cut = cut or len(numbers) > MAX_DESCRIPTORS
                with self.host.folder(path) as folder:
                    for number in numbers[:MAX_DESCRIPTORS]:
                        rows.extend(_link_row(process, folder, number))
            except ReadFailed as failure:
                if failure.errno_name not in ("ENOENT", "ESRCH"):
                    failed = failure
        return rows, failed, cut


def settled(found, processes):
    """The leader and every process of a container older than two seconds."""
    return [
        process
        for process in found.processes
        if process is found.leader or processes.age_seconds(process) >= SETTLED_SECONDS
    ]


def _unanswering(mounts):
    """Ids of mounts that a dead server or a hostile FUSE program could block for ever."""
    return frozenset(
        mount.mount_id
        for mount in mounts
        if mount.filesystem in derive.REMOTE or mount.filesystem.startswith("fuse")
    )


def _link_row(process, folder, number):
    try:
        return [(process, number, folder.link(number))]
    except Absent:
        return []  # closed meanwhile


def _put(facts, name, value):
    parts = name.split(".")
    for part in parts[:-1]:
        facts = facts.setdefault(part, {})
    facts[parts[-1]] = value
