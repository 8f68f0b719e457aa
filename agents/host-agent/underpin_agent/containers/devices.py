"""Device rules and device nodes of one container; a visible node may still be denied."""

import os
import re
import stat

from ..reading import Absent, ReadFailed

MAX_NODES = 2_000
STANDARD = {
    "/dev/null": (1, 3),
    "/dev/zero": (1, 5),
    "/dev/full": (1, 7),
    "/dev/random": (1, 8),
    "/dev/urandom": (1, 9),
    "/dev/tty": (5, 0),
    "/dev/console": (5, 1),
    "/dev/ptmx": (5, 2),
}
PTS_MAJORS = range(136, 144)
MEMORY = {1: "mem", 2: "kmem", 4: "port", 11: "kmsg"}  # minors of major 1, devices.txt
MISC = {
    "kvm": "kvm",
    "fuse": "fuse",
    "tun": "tun",
    "vhost-net": "vhost-net",
    "vhost-vsock": "vhost-vsock",
    "vfio": "vfio",
    "vsock": "vsock",
    "userfaultfd": "userfaultfd",
    "uinput": "uinput",
    "uhid": "uinput",
}
MAJORS = (
    (re.compile(r"vfio"), "vfio"),
    (re.compile(r"mei"), "mei"),
    (re.compile(r"tpm"), "tpm"),
    (re.compile(r"hidraw|hiddev"), "hidraw"),
    (re.compile(r"input"), "input"),
    (re.compile(r"alsa|sound"), "audio"),
    (re.compile(r"video4linux|media|cec"), "video"),
    (re.compile(r"drm|nvidia.*|kfd|accel"), "gpu"),
    (re.compile(r"ttyS|ttyUSB|ttyACM|ttyAMA|ttyMFD|serial"), "serial"),
    (re.compile(r"usb.*"), "usb"),
    (re.compile(r"i2c"), "i2c"),
    (re.compile(r"spi.*"), "spi"),
    (re.compile(r"gpiochip"), "gpio"),
    (re.compile(r"sg"), "scsi-generic"),
    (re.compile(r"nvme.*"), "nvme"),
    (re.compile(r"cpu/msr"), "msr"),
)
RUNTIME_RULES = (  # what runc and crun allow in every container, beside the bundle's own rules
    ("b", "*:*", "m"),
    ("c", "*:*", "m"),
    *(("c", numbers, "rwm") for numbers in ("1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2")),
    ("c", "136:*", "rwm"),
)


def gather(material):
    """Rows ``device_rules`` and ``device_nodes``."""
    _rules(material)
    _nodes(material)


def _rules(material):
    group = material.view.groups.find("devices", material.leader.cgroups)
    if group is not None and group.version == 1:
        try:
            text = material.host.read(group.levels[0][1] + "/devices.list")
        except ReadFailed as failure:
            material.failed("device_rules", failure)
            return
        rules = [tuple(line.split()) for line in text.split("\n") if len(line.split()) == 3]
        _put_rules(material, "cgroup-v1", rules)
        return
    resources = (material.claim.spec.get("linux") or {}).get("resources") or {}
    if not material.claim.spec:
        why = "version 2 rules are a program, and no bundle is readable"
        material.missing("device_rules", why, material.claim.errno, "the container's OCI bundle")
        return
    _put_rules(material, "oci", bundle_rules(resources.get("devices") or []))


def bundle_rules(entries):
    """Allowed ``(type, numbers, access)`` of OCI device entries, applied in their order."""
    rules = []
    for entry in entries:
        kind, numbers = (
            entry.get("type") or "a",
            "%s:%s" % (_number(entry, "major"), _number(entry, "minor")),
        )
        rule = (kind, numbers, entry.get("access") or "rwm")
        if kind == "a" and numbers == "*:*":
            rules = [rule] if entry.get("allow") else []
        elif entry.get("allow"):
            rules.append(rule)
        else:
            rules = [one for one in rules if one[:2] != rule[:2]]
    if ("a", "*:*", "rwm") not in rules:
        rules.extend(RUNTIME_RULES)
    return rules


def _number(entry, name):
    value = entry.get(name)
    return "*" if value is None or value < 0 else str(value)


def _put_rules(material, source, rules):
    material.put("device_rules.source", source)
    material.put("device_rules.allow_all", any(rule == ("a", "*:*", "rwm") for rule in rules))
    rows = [
        {"type": kind, "numbers": numbers, "access": access}
        for kind, numbers, access in sorted(set(rules))
        if kind in ("a", "b", "c")
    ]
    material.put("device_rules.rules", rows)


def _nodes(material):
    found, cut = {}, False
    try:
        cut = _walk(material, "/dev", found, depth=0)
        for row in material.rows:
            if row.get("role") == "device":
                _add(found, row["point"], material.inside.stat(row["point"]))
    except ReadFailed as failure:
        if failure.errno_name == "ENOENT":
            material.put("device_nodes", [])
            return
        material.failed("device_nodes", failure, "read access to the container's root")
        return
    if cut:
        material.missing("device_nodes", "truncated")
    rows = [_node(material.view, path, *found[path]) for path in sorted(found)]
    material.put("device_nodes", rows)


def _walk(material, folder, found, *, depth):
    """Add the nodes below ``folder``; True when it was cut. Terminals (devpts) are no devices."""
    if folder in ("/dev/pts", "/dev/shm", "/dev/mqueue") or depth > 6:  # noqa: S108 inside
        return False
    with material.inside.folder(folder) as opened:
        entries = [(name, opened.stat(name)) for name in opened.names()]
    cut = False
    for name, status in entries:
        path = folder + "/" + name
        if len(found) >= MAX_NODES:
            return True
        if status is not None and stat.S_ISDIR(status.st_mode):
            cut = _walk_below(material, path, found, depth=depth + 1) or cut
        elif status is not None:
            _add(found, path, status)
    return cut


def _walk_below(material, path, found, *, depth):
    try:
        return _walk(material, path, found, depth=depth)
    except Absent:
        return False  # removed meanwhile


def _add(found, path, status):
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        kind = "c" if stat.S_ISCHR(status.st_mode) else "b"
        found[path] = (kind, os.major(status.st_rdev), os.minor(status.st_rdev))


def _node(view, path, kind, major, minor):
    standard = kind == "c" and (
        STANDARD.get(path) == (major, minor)
        or (major in PTS_MAJORS and path == "/dev/console")
        or (path.startswith("/dev/pts/") and (major in PTS_MAJORS or (major, minor) == (5, 2)))
    )
    name = device_kind(kind, major, minor, majors=view.majors, misc=view.misc)
    return {"path": path, "type": kind, "kind": name, "standard": standard}


def device_kind(kind, major, minor, *, majors, misc):
    """The class of a device by its numbers. Misc minors are dynamic: names come from the host."""
    if kind == "c" and major == 1:
        return MEMORY.get(minor, "other")
    if kind == "c" and major == 10:
        name = misc.get(minor, "")
        return "tpm" if name.startswith("tpm") else MISC.get(name, "other")
    if kind == "c" and major == 4:
        return "serial" if minor >= 64 else "other"
    name = majors.get((kind, major), "")
    if kind == "c" and major == 202:
        return "msr"
    return next((label for pattern, label in MAJORS if pattern.fullmatch(name)), "other")
