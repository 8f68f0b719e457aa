"""The process table: one pass over /proc, each entry read through one descriptor of its folder.

A descriptor of ``/proc/<pid>`` pins that process: when it ends, reads fail with ESRCH instead of
showing another process that got the same number (proc(5)).
"""

import os

from .reading import Denied, ReadFailed

PF_KTHREAD = 0x0020_0000  # include/linux/sched.h, field 9 of /proc/<pid>/stat
NAMESPACE_LINKS = {
    "pid": "pid",
    "network": "net",
    "user": "user",
    "mount": "mnt",
    "ipc": "ipc",
    "uts": "uts",
    "cgroup": "cgroup",
    "time": "time",
}
MAX_ARGUMENT_BYTES = 65_536
MAX_PROCESSES = 16_384  # about two seconds of CPU, of the five that a child has
TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """One process at the moment of the pass.

    ``namespaces`` maps type to inode and is empty for kernel threads and zombies, and where the
    links may not be read (then ``namespaces_denied``). ``cgroups`` is a list of
    ``(controllers, path)``; controllers is ``()`` for the unified tree.
    """

    __slots__ = (
        "_host",
        "_status",
        "_status_text",
        "cgroups",
        "comm",
        "kernel_thread",
        "namespaces",
        "namespaces_denied",
        "pid",
        "ppid",
        "start_ticks",
        "state",
        "tty",
    )

    def __init__(self, pid, host=None):
        self.pid = pid
        self._host = host
        self._status = None
        self._status_text = ""
        self.cgroups = []
        self.namespaces = {}
        self.namespaces_denied = False

    @property
    def zombie(self):
        """True for ended processes that nobody waited for: they keep a pid link only."""
        return self.state in ("Z", "X", "x")

    @property
    def status(self):
        """``/proc/<pid>/status`` as a dict of stripped strings, parsed at first use."""
        if self._status is None:
            self._status = parse_status(self._status_text)
        return self._status

    @property
    def status_text(self):
        """``/proc/<pid>/status`` as it was read; empty for kernel threads and zombies."""
        return self._status_text

    @property
    def ns_pids(self):
        """Its number in each nested PID namespace, outermost first; empty before Linux 4.1."""
        return [int(word) for word in self.status.get("NSpid", "").split()]

    @property
    def uids(self):
        """Real, effective, saved and file-system uid."""
        return [int(word) for word in self.status.get("Uid", "").split()]

    @property
    def gids(self):
        """Real, effective, saved and file-system gid, then the supplementary groups."""
        words = self.status.get("Gid", "").split() + self.status.get("Groups", "").split()
        return [int(word) for word in words]

    def arguments(self):
        """The command line as a list; empty when it cannot be read. Never leaves the host whole."""
        try:
            text = self._host.read_bytes("/proc/%d/cmdline" % self.pid, MAX_ARGUMENT_BYTES)
        except ReadFailed:
            return []
        return [part.decode("utf-8", "surrogateescape") for part in text.rstrip(b"\0").split(b"\0")]

    def folder(self):
        """The path of its working directory on the host, or ``""``."""
        try:
            return self._host.link("/proc/%d/cwd" % self.pid)
        except ReadFailed:
            return ""


class ProcessTable:
    """All processes by number, with their children.

    ``truncated``: there were more than ``MAX_PROCESSES``. ``hidden``: for that reason, or because
    those of others are not shown to this agent (hidepid= in proc(5)), what is not in the table may
    still run.
    """

    def __init__(self, processes, *, hidden=False, truncated=False, uptime=0.0):
        self.hidden = hidden or truncated
        self.truncated = truncated
        self.uptime = uptime  # seconds from the start of the host to the pass
        self.by_pid = {process.pid: process for process in processes}
        self._children = {}
        for process in processes:
            self._children.setdefault(process.ppid, []).append(process)

    def __iter__(self):
        return iter(self.by_pid.values())

    def __len__(self):
        return len(self.by_pid)

    def age_seconds(self, process):
        """Seconds since the process started."""
        return self.uptime - process.start_ticks / TICKS

    def get(self, pid):
        """The process with that number, or None."""
        return self.by_pid.get(pid)

    def children(self, pid):
        """Direct children of ``pid``."""
        return self._children.get(pid, [])

    def ancestors(self, process):
        """Parent, grandparent and so on; ends at PID 1, at a gap, or at a loop of a torn pass."""
        seen = {process.pid}
        parent = self.by_pid.get(process.ppid)
        while parent is not None and parent.pid not in seen:
            yield parent
            seen.add(parent.pid)
            parent = self.by_pid.get(parent.ppid)


def read_processes(host):
    """The process table of ``host``. Raises ReadFailed when /proc itself cannot be listed."""
    found, denied, groups = [], False, {}
    numbers = sorted(int(name) for name in host.names("/proc") if name.isdigit())
    for pid in numbers[:MAX_PROCESSES]:
        try:
            found.append(_read_process(host, pid, groups))
        except Denied:
            denied = True
        except ReadFailed:
            continue  # it ended during the pass
    hidden = denied or all(process.pid != 1 for process in found)
    truncated = len(numbers) > MAX_PROCESSES
    return ProcessTable(found, hidden=hidden, truncated=truncated, uptime=_uptime(host))


def _uptime(host):
    try:
        return float((host.line("/proc/uptime") or "0").split()[0])
    except ReadFailed:
        return 0.0


def _read_process(host, pid, groups):
    process = Process(pid, host)
    with host.folder("/proc/%d" % pid) as folder:
        parse_stat(process, folder.record("stat"))
        if process.kernel_thread or process.zombie:
            return process
        process._status_text = folder.record("status")  # noqa: SLF001 same module
        text = folder.record("cgroup")
        if text not in groups:  # the processes of a service or container share it
            groups[text] = parse_cgroup(text)
        process.cgroups = groups[text]
        _read_namespaces(process, folder)
    return process


def _read_namespaces(process, folder):
    for kind, name in NAMESPACE_LINKS.items():
        try:
            process.namespaces[kind] = namespace_inode(folder.link("ns/" + name))
        except Denied:
            process.namespaces_denied = True
            return
        except ReadFailed:
            continue  # this kernel lacks the type


def namespace_inode(text):
    """4026531836 of ``pid:[4026531836]``."""
    return int(text[text.index("[") + 1 : -1])


def parse_stat(process, text):
    """Fill the fields of ``/proc/<pid>/stat``; the command may hold spaces and parentheses."""
    first, last = text.index("("), text.rindex(")")
    fields = text[last + 2 :].split()
    process.comm = text[first + 1 : last]
    process.state = fields[0]
    process.ppid = int(fields[1])
    process.tty = int(fields[4])
    process.kernel_thread = bool(int(fields[6]) & PF_KTHREAD)
    process.start_ticks = int(fields[19])


def parse_status(text):
    """``/proc/<pid>/status`` as a dict; the first of two equal keys wins."""
    found = {}
    for line in text.split("\n"):
        key, separator, value = line.partition(":")
        if separator:
            found.setdefault(key, value.strip())
    return found


def parse_cgroup(text):
    """``[(controllers, path)]`` of ``/proc/<pid>/cgroup``; controllers ``()`` is the v2 tree."""
    rows = []
    for line in text.split("\n"):
        parts = line.split(":", 2)
        if len(parts) == 3:
            rows.append((tuple(word for word in parts[1].split(",") if word), parts[2]))
    return rows
