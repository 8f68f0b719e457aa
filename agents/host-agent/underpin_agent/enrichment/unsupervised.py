"""Containers without a shim or conmon: runc and crun alone, LXC, systemd-nspawn."""

import json
import re

from ..reading import Absent, ReadFailed
from .bundle import read_json

MACHINES = "/run/systemd/machines"
LXC = re.compile(r"/lxc\.payload[./]([^/]+)|^/lxc/([^/]+)")
NSPAWN = re.compile(r"/systemd-nspawn@([^/]+)\.service(?:/|$)")
SCOPE = re.compile(r"/machine-([^/]+)\.scope(?:/|$)")
ESCAPED = re.compile(r"\\x([0-9a-f]{2})|-")  # systemd-escape(1)
MONITORS = {
    **dict.fromkeys(("lxc-start", "lxc-execute", "lxd", "incusd"), "lxc"),
    "systemd-nspawn": "systemd-nspawn",
}
STATES = (("runc", "state.json"), ("crun", "status"))


def fill(claim, host, container, processes):
    """Complete ``claim`` and the id of ``container``; leaves both alone for rogue namespaces."""
    if not _from_state(claim, host, container):
        _from_groups(claim, host, container, processes)


def _from_state(claim, host, container):
    """By the state folder of the low-level runtime, whose record names the first process."""
    uid = (container.leader.uids or [0])[1 if len(container.leader.uids) > 1 else 0]
    for name, folder, record in state_records(host, uid):
        try:
            state = json.loads(host.read(record, 1_048_576))
            pid, ticks = _first_process(state)
        except (ReadFailed, ValueError, RecursionError, AttributeError, TypeError):
            continue
        leads = [one for one in container.processes if (one.pid, one.start_ticks) == (pid, ticks)]
        if not leads:
            continue
        container.id = str(state.get("id") or folder)
        claim.runtime, claim.reference, claim.name = name, "bundle", container.id
        claim.reason = "the low-level runtime keeps no such record"
        claim.pod, claim.ports = "", []
        _bundle(claim, host, state)
        return True
    return False


def state_records(host, uid):
    """``(runtime, id, path of its record)`` below /run, and below the user's own folder."""
    for base in ("/run", "/run/user/%d" % uid):
        for name, file in STATES:
            folder = "%s/%s" % (base, name)
            try:
                names = host.names(folder)
            except ReadFailed:
                continue
            for one in names[:512]:
                yield name, one, "%s/%s/%s" % (folder, one, file)


def _first_process(state):
    """``(pid, start ticks)`` in the words of runc, else of crun."""
    if "init_process_pid" in state:
        return int(state["init_process_pid"]), int(state["init_process_start"])
    return int(state["pid"]), int(state["process-start-time"])


def _bundle(claim, host, state):
    bundle = str(state.get("bundle") or "")
    labels = (state.get("config") or {}).get("labels") or []
    for label in labels:
        if str(label).startswith("bundle="):
            bundle = str(label)[len("bundle=") :]
    try:
        claim.spec = read_json(host, bundle.rstrip("/") + "/config.json")
    except ReadFailed as failure:
        claim.reference, claim.errno = "shim", failure.errno_name


def _from_groups(claim, host, container, processes):
    """By the group's name, which only root or its delegate gives; claimed when its monitor runs."""
    kind, name = machine_name([path for _controllers, path in container.leader.cgroups])
    if not name:
        return
    record = _machine_record(host, name)
    claim.name, claim.runtime = name, record.get("SERVICE") or kind
    claim.reason = "the machine's manager keeps no such record"
    claim.pod = ""
    parents = (parent.comm for parent in processes.ancestors(container.leader))
    if record or any(MONITORS.get(comm) == kind for comm in parents):
        claim.reference = "shim"


def machine_name(paths):
    """``(runtime, name)`` by control groups; two empty texts when they name no machine."""
    for path in paths:
        match = LXC.search(path)
        if match:
            return "lxc", match.group(1) or match.group(2)
        match = NSPAWN.search(path) or SCOPE.search(path)
        if match:
            return "systemd-nspawn", ESCAPED.sub(_unescaped, match.group(1))
    return "", ""


def _unescaped(match):
    return chr(int(match.group(1), 16)) if match.group(1) else "/"


def _machine_record(host, name):
    """What systemd-machined wrote about the machine (sd-login(3)), or an empty dict."""
    if "/" in name:
        return {}
    try:
        lines = host.lines("%s/%s" % (MACHINES, name), 65_536)
    except (Absent, ReadFailed):
        return {}
    return dict(line.partition("=")[::2] for line in lines if not line.startswith("#"))
