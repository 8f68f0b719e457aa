"""Which namespaces are the host's own (facts.md section 3, step 1)."""

from .processes import NAMESPACE_LINKS, PF_KTHREAD, namespace_inode
from .reading import ReadFailed

# include/uapi/linux/nsfs.h; mount and network are fixed only since Linux 6.18.
WELL_KNOWN = {
    "time": 4026531834,
    "cgroup": 4026531835,
    "pid": 4026531836,
    "user": 4026531837,
    "uts": 4026531838,
    "ipc": 4026531839,
}
WELL_KNOWN_SINCE_6_18 = {"mount": 4026531832, "network": 4026531833}


def reference(host):
    """``(kind, {type: inode})`` of the initial namespaces; kind is kthreadd, pid1 or well-known.

    Links of PID 1 can be unreadable even for root, those of a kernel thread are not. PID 1 counts
    only when it lives in the initial PID namespace: else it is the init of a container.
    """
    if _is_kernel_thread(host, 2):
        inodes = links(host, 2)
        if inodes:
            return "kthreadd", inodes
    inodes = links(host, 1)
    if inodes.get("pid") == WELL_KNOWN["pid"]:
        return "pid1", inodes
    return "well-known", well_known(_release(host))


def links(host, pid):
    """``{type: inode}`` of one process (a number or ``"self"``), without what cannot be read."""
    found = {}
    for kind, name in NAMESPACE_LINKS.items():
        try:
            found[kind] = namespace_inode(host.link("/proc/%s/ns/%s" % (pid, name)))
        except (ReadFailed, ValueError):
            continue
    return found


def well_known(release):
    """The fixed inode numbers of a kernel ``release`` such as ``"6.18.44-x"``."""
    found = dict(WELL_KNOWN)
    if _version(release) >= (6, 18):
        found.update(WELL_KNOWN_SINCE_6_18)
    return found


def _version(release):
    numbers = []
    for part in release.split(".")[:2]:
        digits = part.split("-")[0]
        numbers.append(int(digits) if digits.isdigit() else 0)
    return tuple(numbers)


def _release(host):
    try:
        return host.line("/proc/sys/kernel/osrelease")
    except ReadFailed:
        return ""


def _is_kernel_thread(host, pid):
    try:
        text = host.read("/proc/%d/stat" % pid)
        return bool(int(text[text.rindex(")") + 2 :].split()[6]) & PF_KTHREAD)
    except (ReadFailed, ValueError, IndexError):
        return False
