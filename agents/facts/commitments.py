"""Commitments: what running containers may claim together, against what the host has."""

import re
from collections.abc import Sequence

from agents.facts.reading import Facts, MissingFact, read

PREFIX = "containers[]."
TOTAL_BYTES = "platform.memory.total_bytes"
MIN_RESERVE_BYTES = 1 << 30
RESERVE_SHARE = 0.1
KERNEL_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def memory_bounded(containers: Sequence[Facts]) -> bool:
    """Tell whether every container has a memory limit."""
    return _every(containers, "limits.memory_limited")


def pids_bounded(containers: Sequence[Facts]) -> bool:
    """Tell whether every container has a process limit."""
    return _every(containers, "limits.pids_limited")


def memory_ratio(containers: Sequence[Facts], document: Facts) -> float:
    """Return the sum of memory limits over what is left for containers.

    Containers without a limit add nothing: read it together with `memory_bounded`.
    The host keeps the larger of 1 GiB and a tenth.
    """
    total = read(int, document, TOTAL_BYTES) - _ballooned_bytes(document)
    usable = total - max(MIN_RESERVE_BYTES, total * RESERVE_SHARE)
    if usable <= 0:
        raise MissingFact(TOTAL_BYTES)
    return _sum(containers, "limits.memory_limited", "limits.memory_max_bytes") / usable


def pids_ratio(containers: Sequence[Facts], document: Facts) -> float:
    """Return the sum of process limits over what the kernel can number."""
    available = min(_sysctl(document, "kernel.pid_max"), _sysctl(document, "kernel.threads-max"))
    return _sum(containers, "limits.pids_limited", "limits.pids_max") / available


def _every(containers: Sequence[Facts], path: str) -> bool:
    """One known "no" decides, even where other containers could not be read."""
    missing = None
    for container in containers:
        try:
            if not _flag(container, path):
                return False
        except MissingFact as error:
            missing = error
    if missing is not None:
        raise missing
    return True


def _flag(container: Facts, path: str) -> bool:
    return read(bool, container, path, prefix=PREFIX)


def _sum(containers: Sequence[Facts], limited: str, limit: str) -> int:
    return sum(read(int, each, limit, prefix=PREFIX) for each in containers if _flag(each, limited))


def _ballooned_bytes(document: Facts) -> int:
    """Return what a balloon took without lowering MemTotal (only with deflate-on-oom)."""
    if not read(bool, document, "platform.balloon.present"):
        return 0
    if not read(bool, document, "platform.balloon.deflate_on_oom"):
        return 0
    return read(int, document, "usage.balloon.bytes")


def _sysctl(document: Facts, name: str) -> int:
    path = f'kernel.sysctl["{name}"]'
    text = read(dict, document, "kernel.sysctl").get(name)
    if not isinstance(text, str) or not KERNEL_NUMBER.fullmatch(text):
        raise MissingFact(path)
    return int(text)
