"""Listening unix sockets: the kernel's table, and who holds which (unix(7), proc_pid_net(5))."""

from ..reading import Absent, ReadFailed

_LISTENING = "00010000"  # __SO_ACCEPTCON, include/uapi/linux/net.h


def held_listening(host, pid):
    """Paths on which the process listens. Raises ReadFailed."""
    table, own = listening_sockets(host, pid), socket_inodes(host, pid)
    return [path for inode, path in table if inode in own and path.startswith("/")]


def listening_paths(host, pid):
    """Paths of listening unix sockets; empty when the table cannot be read."""
    try:
        return [path for _inode, path in listening_sockets(host, pid)]
    except ReadFailed:
        return []


def listening_sockets(host, pid):
    """``[(inode, path)]`` in the network namespace of ``pid``, read once for each. Raises
    ReadFailed."""
    try:
        network = host.link("/proc/%s/ns/net" % pid)
    except ReadFailed:
        network = str(pid)
    path = "/proc/%s/net/unix" % pid
    return host.once("unix " + network, lambda: parse_unix_sockets(host.read(path, 4_194_304)))


def parse_unix_sockets(text):
    """``[(inode, path)]`` of the listening ones in /proc/net/unix; path ``@…`` is abstract."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[3] == _LISTENING:
            found.append((fields[6], fields[7]))
    return found


def socket_inodes(host, pid):
    """Inode numbers (text) of the sockets a process holds. Raises ReadFailed."""
    return host.once("sockets %d" % pid, lambda: _socket_inodes(host, pid))


def _socket_inodes(host, pid):
    found = set()
    folder = "/proc/%d/fd" % pid
    with host.folder(folder) as opened:
        for name in host.names(folder):
            try:
                target = opened.link(name)
            except Absent:
                continue  # closed meanwhile
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


def resolved(host, path):
    """``path`` with the old name of /run replaced, where that is a link."""
    if path.startswith("/var/run/"):
        try:
            if host.link("/var/run") in ("/run", "../run", "/run/", "../run/"):
                return path[len("/var") :]
        except ReadFailed:
            pass
    return path
