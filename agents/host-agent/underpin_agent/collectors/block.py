"""Block devices by name: whether what is written to them is encrypted on the way."""

import os

from ..reading import ReadFailed
from .gathering import names_or_none, text_or

_BLOCK = "/sys/class/block/"
_MAX_DEPTH = 8  # partitions on LVM on LUKS on RAID are four


def name_of_number(host, number):
    """``sda2`` for ``8:2``; raises ReadFailed for overlay, tmpfs and other numbers without one."""
    return os.path.basename(host.link("/sys/dev/block/" + number))


def encrypted(host, name, depth=0):
    """True when dm-crypt lies somewhere on every way from ``name`` to a disk."""
    if depth > _MAX_DEPTH:
        return False
    if text_or(host, _BLOCK + name + "/dm/uuid").startswith("CRYPT-"):
        return True
    below = names_or_none(host, _BLOCK + name + "/slaves") or _whole_disk(host, name)
    return bool(below) and all(encrypted(host, one, depth + 1) for one in below)


def disks_below(host, name, depth=0):
    """``name`` and everything it stands on: its slaves and, for a partition, the whole disk."""
    found = {name}
    if depth <= _MAX_DEPTH:
        for one in names_or_none(host, _BLOCK + name + "/slaves") + _whole_disk(host, name):
            found |= disks_below(host, one, depth + 1)
    return found


def _whole_disk(host, name):
    """The disk of a partition: the folder above it in the device tree; else nothing."""
    try:
        if not host.exists(_BLOCK + name + "/partition"):
            return []
        return [os.path.basename(os.path.dirname(host.link("/sys/class/block/" + name)))]
    except ReadFailed:
        return []
