"""Device nodes below /dev, each with the kind of power it gives (admin-guide/devices)."""

import os
import posixpath
import stat

from ..reading import ReadFailed

_LEFT_OUT = {
    "/dev/pts",
    "/dev/shm",  # noqa: S108 named, not used
    "/dev/mqueue",
    "/dev/hugepages",
}
_DEPTH = 3
_MEMORY = {1: "mem", 2: "kmem", 4: "port", 11: "kmsg"}  # minors of character major 1
_MAJORS = {  # character majors with one meaning
    13: "input",
    14: "audio",
    21: "scsi-generic",
    81: "video",
    89: "i2c",
    116: "audio",
    153: "spi",
    180: "usb",
    189: "usb",
    195: "gpu",
    202: "msr",
    226: "gpu",
}
_MISC = {  # names in /proc/misc; their minors are dynamic
    "kvm": "kvm",
    "fuse": "fuse",
    "tun": "tun",
    "vhost-net": "vhost-net",
    "vhost-vsock": "vhost-vsock",
    "vfio": "vfio",
    "vsock": "vsock",
    "tpm": "tpm",
    "tpm0": "tpm",
    "userfaultfd": "userfaultfd",
    "uinput": "uinput",
}
_MISC_MAJOR = 10
_NAMES = (  # beginnings of the path, for majors that are given out at boot
    ("/dev/vfio/", "vfio"),
    ("/dev/mei", "mei"),
    ("/dev/tpm", "tpm"),
    ("/dev/hidraw", "hidraw"),
    ("/dev/nvidia", "gpu"),
    ("/dev/kfd", "gpu"),
    ("/dev/gpiochip", "gpio"),
    ("/dev/nvme", "nvme"),
    ("/dev/ng", "nvme"),
    ("/dev/ttyS", "serial"),
    ("/dev/ttyUSB", "serial"),
    ("/dev/ttyACM", "serial"),
    ("/dev/ttyAMA", "serial"),
    ("/dev/bus/usb/", "usb"),
    ("/dev/usbmon", "usb"),
    ("/dev/media", "video"),
)


def device_nodes(host):
    """Rows of all nodes, sorted by path. Raises ReadFailed."""
    misc = misc_kinds(host)
    nodes = sorted(_walk(host, "/dev", _DEPTH))
    return [node_row(path, mode, number, misc) for path, mode, number in nodes]


def misc_kinds(host):
    """``{minor: kind}`` of /proc/misc."""
    try:
        rows = [line.split() for line in host.lines("/proc/misc")]
    except ReadFailed:
        return {}
    return {int(row[0]): _MISC[row[1]] for row in rows if len(row) == 2 and row[1] in _MISC}


def _walk(host, folder, depth):
    with host.folder(folder) as opened:
        for name in os.listdir(opened.fd):
            path = posixpath.join(folder, name)
            try:
                info = os.stat(name, dir_fd=opened.fd, follow_symlinks=False)
            except OSError:
                continue  # removed meanwhile
            if stat.S_ISDIR(info.st_mode):
                if depth > 1 and path not in _LEFT_OUT:
                    yield from _walk(host, path, depth - 1)
            elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
                yield path, info.st_mode, info.st_rdev


def node_row(path, mode, number, misc):
    """The row of one node."""
    major, minor = os.major(number), os.minor(number)
    is_block = stat.S_ISBLK(mode)
    return {
        "path": path,
        "type": "b" if is_block else "c",
        "major": major,
        "minor": minor,
        "mode": "%04o" % stat.S_IMODE(mode),
        "other_read_write": bool(mode & 0o006),
        "kind": node_kind(path, "b" if is_block else "c", (major, minor), misc),
    }


def node_kind(path, letter, number, misc):
    """One word for what the node is, ``other`` for what gives no special power."""
    major, minor = number
    if letter == "c":
        if major == 1:
            return _MEMORY.get(minor, "other")
        if major == _MISC_MAJOR and minor in misc:
            return misc[minor]
        if major in _MAJORS and not (major == 13 and minor == 63):
            return _MAJORS[major]
        if major == 4 and minor >= 64:
            return "serial"
    for start, kind in _NAMES:
        if path.startswith(start):
            return kind
    return "other"
