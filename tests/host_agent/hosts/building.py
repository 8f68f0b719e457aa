"""Small host trees in a folder, and contexts over them, for tests of the collectors.

The trees hold what a test names and nothing else: a path that is not written is absent. A path that
is broken is a folder where a file belongs (EISDIR), one that is denied is closed to the account the
collector runs as.
"""

import json
import os
import struct
import zlib
from pathlib import Path

from underpin_agent.context import Context
from underpin_agent.discovery import Discovery
from underpin_agent.processes import Process, ProcessTable
from underpin_agent.reading import Host

INODES = {
    "cgroup": 4026531835,
    "ipc": 4026531839,
    "mount": 4026531832,
    "network": 4026531833,
    "pid": 4026531836,
    "time": 4026531834,
    "user": 4026531837,
    "uts": 4026531838,
}
ROOT_MOUNT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"
NOBODY = 65_534


class Machine:
    """A host tree below ``folder``; each method returns the machine, so that calls chain."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.processes = []
        self.containers = []
        self.mounts(ROOT_MOUNT)

    def at(self, path):
        """Where ``path`` of the host lies on this machine."""
        return self.folder / path.lstrip("/")

    def write(self, path, content=""):
        """A file with its folders."""
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def files(self, **contents):
        """Files by keyword where the names are fit: ``**{"/etc/passwd": text}``."""
        for path, content in contents.items():
            self.write(path, content)
        return self

    def link(self, path, target):
        """A symbolic link."""
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).symlink_to(target)
        return self

    def broken(self, path):
        """A path that exists and cannot be read as a file."""
        self.at(path).mkdir(parents=True, exist_ok=True)
        return self

    def mode(self, path, mode):
        """Change the mode of what is there."""
        self.at(path).chmod(mode)
        return self

    def mounts(self, *lines):
        """The host's mount table."""
        return self.write("/proc/1/mountinfo", "\n".join(lines) + "\n")

    def own_namespaces(self, **changed):
        """The links of the agent's own process; the host's where not given."""
        names = {"mount": "mnt", "network": "net"}
        for kind, inode in {**INODES, **changed}.items():
            name = names.get(kind, kind)
            self.link("/proc/self/ns/" + name, "%s:[%d]" % (name, inode))
        return self

    def process(self, pid, comm, arguments=(), uid=0, ppid=1, namespaces=None, cgroups=()):
        """A program; its folder in /proc holds the command line and no descriptors."""
        one = Process(pid, Host(str(self.folder)))
        one.comm, one.ppid, one.state, one.kernel_thread = comm, ppid, "S", False
        one.start_ticks, one.tty = pid, 0
        one.namespaces = {**INODES, **(namespaces or {})}
        one.cgroups = list(cgroups)
        one._status_text = "Uid:\t%d\t%d\t%d\t%d\n" % (uid, uid, uid, uid)
        self.write("/proc/%d/cmdline" % pid, "\0".join(arguments or (comm,)) + "\0")
        self.at("/proc/%d/fd" % pid).mkdir(parents=True, exist_ok=True)
        self.processes.append(one)
        return self

    def socket(self, pid, path, inode, mode=0o660):
        """A listening unix socket held by ``pid``; a plain file stands for it on disk."""
        self.write(path).mode(path, mode)
        number = len(list(self.at("/proc/%d/fd" % pid).iterdir()))
        self.link("/proc/%d/fd/%d" % (pid, number), "socket:[%d]" % inode)
        table = self.at("/proc/%d/net/unix" % pid)
        head = table.read_text() if table.exists() else "Num RefCount Protocol Flags\n"
        row = "0000: 00000002 00000000 00010000 0001 01 %d %s\n" % (inode, path)
        return self.write("/proc/%d/net/unix" % pid, head + row)

    def context(self, *, options=None, salt=b"salt", inodes=INODES):
        """The context a collector gets."""
        table = ProcessTable(self.processes)
        found = Discovery("kthreadd", dict(inodes), self.containers, [], 0)
        host = Host(str(self.folder))
        return Context(host, table, found, dict(options or {}), salt)


def body(collector, context):
    """``(facts, {path: reason})`` of one section."""
    section = collector(context).as_body()
    json.dumps(section)  # the wire takes JSON only
    return section["facts"], {row["path"]: row["reason"] for row in section["unknowns"]}


def as_nobody(work):
    """The JSON value ``work()`` returns when run by an account without any right."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writer, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


def gzipped(text):
    """gzip data as the kernel offers its configuration."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(text.encode()) + packer.flush()


def login_record(seconds):
    """One wtmp record of x86-64 with only its time set."""
    record = bytearray(384)
    struct.pack_into("=i", record, 340, seconds)
    return bytes(record)
