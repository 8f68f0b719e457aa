"""The ``agent`` section: who collected, and what it was allowed to see."""

import hashlib
import os

from .. import __version__, namespaces
from ..context import OPTIONS
from .gathering import Gathering, Unknown

CAPABILITIES = (  # include/uapi/linux/capability.h, number 0 first
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID"),
    *("SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN"),
    *("NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT"),
    *("SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE"),
    *("SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL"),
    *("SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND"),
    *("AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"),
)


def collect(context):
    """Describe this agent; nothing here depends on the host but its namespaces."""
    gathering = Gathering("agent")
    gathering.store("version", __version__)
    gathering.fact("binary_sha256", lambda: own_digest(__file__))
    gathering.store("effective_uid", os.geteuid())
    held = gathering.fact("capabilities", effective_capabilities)
    if held is not None:
        gathering.store("level", level(os.geteuid(), held))
    else:
        gathering.missing("level", "the own capabilities could not be read")
    _namespaces(gathering, context)
    chosen = {name: bool(context.options.get(name)) for name in OPTIONS}
    gathering.store("options", chosen)
    return gathering.section


def own_digest(path):
    """SHA-256 of the archive this module was loaded from. Raises Unknown when run from sources."""
    while path not in ("", "/"):
        path = os.path.dirname(path)
        if os.path.isfile(path):
            with open(path, "rb") as archive:
                return hashlib.sha256(archive.read()).hexdigest()
    raise Unknown(reason="runs from sources, not from a released archive")


def effective_capabilities():
    """Names of the own effective capabilities, as the kernel numbers them."""
    with open("/proc/self/status", "rb") as lines:
        for line in lines:
            if line.startswith(b"CapEff:"):
                return capability_names(int(line.split()[1], 16))
    raise Unknown(reason="the kernel does not list capabilities")


def capability_names(mask):
    """Names of the set bits, sorted; bits newer than this list as ``CAP_41``."""
    names = []
    for bit in range(mask.bit_length()):
        if mask >> bit & 1:
            known = bit < len(CAPABILITIES)
            names.append("CAP_" + (CAPABILITIES[bit] if known else str(bit)))
    return sorted(names)


def level(uid, held):
    """The word for what this agent may see: unprivileged, read-search, ptrace or root."""
    reads = "CAP_DAC_READ_SEARCH" in held or "CAP_DAC_OVERRIDE" in held
    inspects = "CAP_SYS_PTRACE" in held
    if uid == 0 and reads and inspects and "CAP_SYS_ADMIN" in held:
        return "root"
    if inspects:
        return "ptrace"
    return "read-search" if reads else "unprivileged"


def _namespaces(gathering, context):
    discovery = context.discovery
    gathering.store("namespace_reference", discovery.reference_kind)
    own = namespaces.links(context.host, "self")
    compared = compare(own, discovery.host_inodes)
    gathering.store("initial_namespaces", compared)
    for kind in sorted(set(own) - set(compared)):
        gathering.missing("initial_namespaces." + kind, "the host's own one is not known")


def compare(own, reference):
    """``{type: is the host's}`` for each type known on both sides."""
    return {kind: own[kind] == reference[kind] for kind in sorted(own) if kind in reference}
