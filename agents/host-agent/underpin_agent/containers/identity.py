"""``container.identity``: what differs between two replicas of one container."""

import time

from ..processes import TICKS
from .control_groups import main_path
from .published import by_proxies

PREFIX = "containers[]."


def gather(material):
    """All rows of the section but ``mount_sources`` and ``selinux_categories``."""
    found, claim, facts = material.found, material.claim, material.identity.facts
    facts["key"] = found.key
    if found.id:
        facts["id"] = found.id
    else:
        _missing(material, "id", "unknown to every runtime")
    _claimed(material, "name", claim.name)
    facts["runtime"] = material.view.runtime_key(claim)
    facts["runtime_reference"] = claim.reference
    facts["state"] = "paused" if _frozen(material) else "running"
    facts["leader_start_ticks"] = found.leader.start_ticks
    _started(material)
    facts["cgroup_path"] = main_path(found.leader.cgroups)
    if found.leader.namespaces:
        facts["namespace_inodes"] = dict(found.leader.namespaces)
    else:
        _missing(material, "namespace_inodes", "not allowed to read")
    _claimed(material, "image_id", claim.image_id or None)
    _claimed(material, "image_reference", claim.image_reference)
    _claimed(material, "pod", claim.pod)
    _ports(material)


def _missing(material, name, reason, errno_name="", needs=""):
    material.identity.missing(PREFIX + name, reason, errno_name, needs)


def _claimed(material, name, value):
    if value is None:
        claim = material.claim
        _missing(material, name, claim.reason, claim.errno, claim.needs)
    else:
        material.identity.facts[name] = str(value)


def _ports(material):
    claim = material.claim
    ports = by_proxies(material) if claim.ports is None else claim.ports
    if ports is None:
        _missing(material, "published_ports", claim.reason, claim.errno, claim.needs)
        return
    material.identity.facts["published_ports"] = ports
    if ports:
        _missing(material, "published_ports[].tls", "ports are not probed")


def _started(material):
    boot = material.view.boot_time
    if boot is None:
        _missing(material, "started_at", "the boot time is not known")
        return
    seconds = boot + material.leader.start_ticks // TICKS
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    material.identity.facts["started_at"] = shown


def _frozen(material):
    groups = material.view.groups
    group = groups.find("freezer", material.leader.cgroups)
    if group is None:
        return False
    folder = group.levels[0][1]
    if group.version == 1:
        return groups.value(folder, "freezer.state") in ("FROZEN", "FREEZING")
    return "frozen 1" in (groups.value(folder, "cgroup.events") or "")
