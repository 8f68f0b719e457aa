"""Namespaces, ids, capabilities and process rows of one container."""

import fcntl
import os
import re

from .. import derive
from ..discovery import private_types
from ..namespaces import NAMESPACE_LINKS
from ..reading import Absent, Denied, ReadFailed, named_failure

NS_GET_USERNS = 0xB701  # include/uapi/linux/nsfs.h
ALL_IDS = 4_294_967_295
OVERFLOW_ID = 65_534
OLD_SECONDS = 60
MAX_ROWS = 500
SETS = {
    "effective": "CapEff",
    "permitted": "CapPrm",
    "bounding": "CapBnd",
    "inheritable": "CapInh",
    "ambient": "CapAmb",
}
MERGING = re.compile(r"ksm_(?:merge_any|mergeable):\s*yes")
SELINUX = re.compile(r"([^:]+:[^:]+:([^:]+):s\d+)(?::(.*))?")
PTRACE = "the process inspection right (CAP_SYS_PTRACE)"


def gather(material):
    """All rows of this module."""
    _namespaces(material)
    _network_owner(material)
    _user_namespace(material)
    _capabilities(material)
    _ids(material)
    _processes(material)
    _security_module(material)


def _namespaces(material):
    leader, host = material.leader, material.view.context.discovery.host_inodes
    for kind in NAMESPACE_LINKS:
        name = "namespaces.%s.is_host" % kind
        if kind in leader.namespaces and kind in host:
            material.put(name, leader.namespaces[kind] == host[kind])
        elif kind == "pid" and len(leader.ns_pids) > 1:
            material.put(name, False)  # two numbers prove an own namespace
        elif kind in leader.namespaces:
            material.missing(name, "the host's own namespace of this type is not known")
        elif leader.namespaces_denied:
            material.missing(name, "not allowed to read", "EACCES", PTRACE)
        else:
            material.missing(name, "this kernel has no such namespace type", "ENOENT")


def _network_owner(material):
    name = "network_namespace_owner_initial"
    initial = material.view.context.discovery.host_inodes.get("user")
    path = "%s/proc/%d/ns/net" % (material.host.root.rstrip("/"), material.leader.pid)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        material.failed(name, named_failure(path, error), PTRACE)
        return
    try:
        owner = fcntl.ioctl(fd, NS_GET_USERNS)
        inode = os.fstat(owner).st_ino
        os.close(owner)
    except OSError as error:
        # EPERM: the owner is an ancestor of, or beside, the agent's own user namespace.
        material.failed(name, named_failure(path, error), "the initial user namespace")
        return
    finally:
        os.close(fd)
    if initial is None:
        material.missing(name, "the host's user namespace is not known")
        return
    material.put(name, inode == initial)


def parse_uid_map(text):
    """Rows of ``user_namespace.uid_map[]`` (user_namespaces(7))."""
    rows = [[int(word) for word in line.split()] for line in text.split("\n") if line.strip()]
    return [{"inside": row[0], "host_start": row[1], "length": row[2]} for row in rows]


def _user_namespace(material):
    if not material.view.own_user_initial:
        material.missing("user_namespace", "the agent itself runs in a user namespace")
        return
    try:
        rows = parse_uid_map(material.read("uid_map"))
    except (ReadFailed, ValueError, IndexError) as failure:
        material.missing("user_namespace", "the id map could not be read", str(failure)[:40])
        return
    whole = rows == [{"inside": 0, "host_start": 0, "length": ALL_IDS}]
    material.put("user_namespace.initial", _same_user_namespace(material, whole))
    material.put("user_namespace.uid_map", rows)
    try:
        material.put("user_namespace.setgroups", material.read("setgroups").strip())
    except ReadFailed as failure:
        material.failed("user_namespace.setgroups", failure)


def _same_user_namespace(material, whole_map):
    """By inode where both are known: a child namespace may map every id to itself."""
    own = material.leader.namespaces.get("user")
    host = material.view.context.discovery.host_inodes.get("user")
    return whole_map if own is None or host is None else own == host


def _mask(process, field):
    return int(process.status.get(field, "0"), 16)


def _capabilities(material):
    members = material.members
    for name, field in SETS.items():
        union = 0
        for process in members:
            union |= _mask(process, field)
        material.put("capabilities." + name, derive.capability_names(union))
    bounded = all(process.status.get("NoNewPrivs") == "1" for process in members)
    if any("NoNewPrivs" not in process.status for process in members):
        material.missing(
            "no_new_privileges", "this kernel does not show it", "ENOENT", "Linux 4.10"
        )
        bounded = False
    else:
        material.put("no_new_privileges", bounded)
    sets = material.posture.facts["capabilities"]
    material.put(
        "capabilities.reachable",
        derive.reachable_capabilities(
            sets["effective"], sets["bounding"], no_new_privileges=bounded
        ),
    )


def _ids(material):
    uids = sorted({uid for process in material.members for uid in process.uids})
    gids = sorted({gid for process in material.members for gid in process.gids})
    if not material.view.own_user_initial or uids == [OVERFLOW_ID]:
        material.missing("ids", "ids are not those of the initial user namespace")
        return
    facts = material.posture.facts
    material.put("ids.host_uids", uids)
    material.put("ids.host_gids", gids)
    space = facts.get("user_namespace", {})
    if "uid_map" not in space:
        material.missing("ids.root_inside", "the id map could not be read")
        material.missing("ids.root_on_host", "the id map could not be read")
        return
    material.put("ids.root_inside", derive.host_id_of_root(space["uid_map"]) in uids)
    on_host = derive.root_on_host(
        uids,
        initial=space["initial"],
        no_new_privileges=facts.get("no_new_privileges", False),
        bounding=facts["capabilities"]["bounding"],
        set_id_files=facts.get("set_id_files"),
    )
    material.put("ids.root_on_host", on_host)


def _processes(material):
    rows = {}
    for process in material.members:
        row = _row(material, process)
        old = material.view.age_seconds(process) >= OLD_SECONDS
        if process is material.leader or old or _deviates(material, process, row):
            rows.setdefault(repr(sorted(row.items())), row)
    ordered = [rows[key] for key in sorted(rows)]
    material.put("processes", ordered[:MAX_ROWS])
    if len(ordered) > MAX_ROWS:
        material.missing("processes", "truncated")
    if any("namespace_drift" not in row for row in ordered):
        drift = "processes[].namespace_drift"
        material.missing(drift, "not allowed to read", "EACCES", PTRACE)
    if any("merges_memory" not in row for row in ordered):
        merges = "processes[].merges_memory"
        material.missing(merges, "not allowed to read", "EACCES", PTRACE)
    if any("store_bypass" not in row for row in ordered):
        material.missing("processes[].store_bypass", "this kernel does not show it", "ENOENT")


def _row(material, process):
    leader = material.leader
    more = _mask(process, "CapEff") & ~_mask(leader, "CapEff")
    row = {
        "command": process.comm,
        "host_uid": process.uids[1] if len(process.uids) > 1 else OVERFLOW_ID,
        "extra_capabilities": derive.capability_names(more),
        "seccomp_mode": int(process.status.get("Seccomp", "0")),
        "no_new_privileges": process.status.get("NoNewPrivs") == "1",
        "traced": process.status.get("TracerPid", "0") != "0",
    }
    if process.namespaces and leader.namespaces and not process.namespaces_denied:
        row["namespace_drift"] = private_types(process, leader.namespaces)
    if "Speculation_Store_Bypass" in process.status:
        row["store_bypass"] = process.status["Speculation_Store_Bypass"]
    merges = _merges_memory(material.host, process.pid)
    if merges is not None:
        row["merges_memory"] = merges
    return row


def _deviates(material, process, row):
    base = _mask(material.leader, "CapEff"), material.leader.status.get("Seccomp")
    return (
        bool(row["extra_capabilities"])
        or bool(row.get("namespace_drift"))
        or row["traced"]
        or process.status.get("Seccomp") != base[1]
        or row["no_new_privileges"] != (material.leader.status.get("NoNewPrivs") == "1")
    )


def _merges_memory(host, pid):
    """True when KSM may merge its pages; None when that may not be read."""
    try:
        if host.line("/proc/%d/ksm_merging_pages" % pid) not in ("", "0"):
            return True
        text = host.read("/proc/%d/ksm_stat" % pid)
    except Absent:
        return False  # a kernel without KSM merges nothing
    except Denied:
        return None
    except ReadFailed:
        return None
    return bool(MERGING.search(text))


def _security_module(material):
    try:
        text = material.read("attr/current").strip("\x00\n ").replace("\\x00", "")
    except ReadFailed as failure:
        if failure.errno_name == "EINVAL" or isinstance(failure, Absent):
            _no_module(material)  # no module implements the file
            return
        material.failed("security_module", failure)
        material.identity.missing("containers[].selinux_categories", "not allowed to read")
        return
    _label(material, text)


def _no_module(material):
    material.put("security_module.label", "")
    material.put("security_module.confined", False)
    material.identity.facts["selinux_categories"] = ""


def _label(material, text):
    match = SELINUX.fullmatch(text)
    if match:
        material.identity.facts["selinux_categories"] = match.group(3) or ""
        material.put("security_module.label", match.group(1))
        free = match.group(2) in ("unconfined_t", "spc_t", "kernel_t", "init_t")
        material.put("security_module.confined", not free and _selinux_enforces(material.host))
        return
    name, _, mode = text.partition(" (")
    material.identity.facts["selinux_categories"] = ""
    material.put("security_module.label", "" if name == "unconfined" else name)
    material.put("security_module.confined", mode.startswith(("enforce", "kill")))


def _selinux_enforces(host):
    try:
        return host.line("/sys/fs/selinux/enforce") == "1"
    except ReadFailed:
        return False
