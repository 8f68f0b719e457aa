"""The printed words for levels, layers, mechanisms and areas, in the order of the machine."""

from collections.abc import Iterable
from typing import Final

LEVEL_WORDS: Final = ("None", "Very low", "Low", "Moderate", "High", "Very high")
"""Index 1-5 are the NIST SP 800-30 names; index 0 says that nothing is open."""

LEVELS_WORST_FIRST: Final = (5, 4, 3, 2, 1)

LAYERS: Final = {
    "userland": ("User land", "apps on system libraries"),
    "kernel": ("Kernel", "shared by every container"),
    "platform": ("Platform", "shared by every kernel path"),
    "periphery": ("Periphery", "what the platform reaches"),
}
"""Layer code to (name, caption), from the top of the machine to the bottom."""

AREAS: Final = {
    "segregation": "Segregation (confidentiality)",
    "access": "Access",
    "logging": "Logging",
    "resource": "Resource usage",
    "general": "General considerations",
}

MECHANISMS: Final = {
    "application-code": "Application code",
    "system-libraries": "System libraries",
    "images": "Images",
    "syscall-interface": "Syscall interface",
    "container-runtime": "Container runtime",
    "accounts": "Accounts",
    "host-services": "Host services",
    "log-pipeline": "Log pipeline",
    "agent": "Agent",
    "pid-namespace": "PID namespace",
    "network-namespace": "Network namespace",
    "user-namespace": "User namespace",
    "mount-namespace": "Mount namespace",
    "ipc-namespace": "IPC namespace",
    "uts-namespace": "UTS namespace",
    "cgroup-namespace": "Cgroup namespace",
    "time-namespace": "Time namespace",
    "cgroup-cpu": "Cgroup CPU",
    "cgroup-memory": "Cgroup memory",
    "cgroup-pids": "Cgroup processes",
    "cgroup-io": "Cgroup I/O",
    "cgroup-devices": "Cgroup devices",
    "cgroup-tree": "Cgroup tree",
    "capabilities": "Capabilities",
    "lsm-seccomp": "LSM & seccomp",
    "keyrings": "Keyrings",
    "audit": "Audit",
    "memory-manager": "Memory manager",
    "cpu-scheduler": "CPU scheduler",
    "network-subsystem": "Network subsystem",
    "file-systems": "File systems",
    "block-layer": "Block layer",
    "usermode-helpers": "Usermode helpers",
    "kernel-hardening": "Kernel hardening",
    "shared-kernel": "Shared kernel",
    "clock": "Clock",
    "cpus": "CPUs",
    "memory-controllers": "Memory controllers",
    "dimms": "DIMMs",
    "pci-iommu": "PCI & IOMMU",
    "firmware": "Firmware",
    "hypervisor": "Hypervisor",
    "block-devices": "Block devices",
    "network-devices": "Network devices",
    "character-devices": "Character devices",
    "video-devices": "Video devices",
}


def level_word(level: int) -> str:
    """The NIST word of a level 1-5; "None" for 0. Raises ValueError for any other number."""
    if not 0 <= level < len(LEVEL_WORDS):
        msg = f"level {level} is outside 0-5"
        raise ValueError(msg)
    return LEVEL_WORDS[level]


def layer_name(layer: str) -> str:
    return LAYERS[layer][0] if layer in LAYERS else spoken(layer)


def area_place(area: str) -> int:
    """Where the area stands in the product's order; an unknown one comes last."""
    known = list(AREAS)
    return known.index(area) if area in known else len(known)


def area_name(area: str) -> str:
    return AREAS.get(area) or spoken(area)


def mechanism_name(mechanism: str) -> str:
    return MECHANISMS.get(mechanism) or spoken(mechanism)


def spoken(code: str) -> str:
    """A readable name for a code that has none of its own: "tpm-quotes" becomes "Tpm quotes"."""
    words = code.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def in_known_order(codes: Iterable[str], known: Iterable[str]) -> list[str]:
    """The codes, those that are known first and in the known order, the others by name."""
    ranks = {code: rank for rank, code in enumerate(known)}
    return sorted(set(codes), key=lambda code: (ranks.get(code, len(ranks)), code))
