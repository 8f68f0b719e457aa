"""``platform``: memory, its protection, and what shares or swaps it."""

import os
import re
import struct

from ..reading import Absent, ReadFailed
from . import block
from .gathering import Unknown, names_or_none, number_list, text_or

_MEMINFO = re.compile(r"^(\w+):\s+(\d+)", re.MULTILINE)
_HUGE = "/sys/kernel/mm/hugepages"
_EDAC = "/sys/devices/system/edac/mc"
_GUEST = "describes the virtual machine, not the memory below"


def gather(gathering, host, is_guest):
    """Store memory, ksm, transparent_hugepages, hugepages and swap."""
    gathering.fact("memory.total_bytes", lambda: meminfo(host)["MemTotal"] * 1024)
    gathering.fact(
        "memory.numa_nodes",
        lambda: len(number_list(host.line("/sys/devices/system/node/online"))),
        absent=1,
    )
    gathering.fact(
        "memory.error_correction",
        lambda: error_correction(host, is_guest),
        needs="an EDAC driver or the DMI table",
    )
    gathering.fact("memory.encryption", lambda: _encryption(host))
    gathering.fact("ksm.run", lambda: int(host.line("/sys/kernel/mm/ksm/run")), absent=0)
    gathering.fact(
        "transparent_hugepages",
        lambda: _chosen(host.line("/sys/kernel/mm/transparent_hugepage/enabled")),
        absent="never",
    )
    gathering.fact("hugepages", lambda: _hugepages(host))
    gathering.fact("swap", lambda: _swap(host))


def meminfo(host):
    """``{name: number}`` of /proc/meminfo; sizes are KiB (proc_meminfo(5))."""
    return {name: int(value) for name, value in _MEMINFO.findall(host.read("/proc/meminfo"))}


def processor_flags(text):
    """The flags of the first processor in /proc/cpuinfo (``Features`` on ARM)."""
    match = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.MULTILINE)
    return set(match.group(1).split()) if match else set()


def _chosen(text):
    return text[text.index("[") + 1 : text.index("]")]


def error_correction(host, is_guest):
    """True when memory errors are corrected: asked of EDAC, else of DMI. Raises Unknown."""
    if is_guest:
        raise Unknown(reason=_GUEST)
    modes = _edac_modes(host)
    if modes:
        return all(mode not in ("None", "Unknown", "EC") for mode in modes)
    table = host.read_bytes("/sys/firmware/dmi/tables/DMI", 262_144)
    return dmi_error_correction(table)


def _edac_modes(host):
    modes = []
    for controller in names_or_none(host, _EDAC):
        if not controller.startswith("mc"):
            continue
        for name in names_or_none(host, _EDAC + "/" + controller):
            path = "%s/%s/%s/dimm_edac_mode" % (_EDAC, controller, name)
            modes.append(text_or(host, path) if name.startswith(("dimm", "rank")) else "")
    return [mode for mode in modes if mode]


def dmi_error_correction(table):
    """Error correction type of the physical memory arrays (SMBIOS 7.17). Raises Unknown."""
    at, answers = 0, []
    while at + 4 <= len(table):
        kind, length = struct.unpack_from("BB", table, at)
        # Use 3 is system memory; correction 3 is none, 5 to 7 are single-bit, multi-bit and CRC.
        if kind == 16 and length > 6 and table[at + 5] == 3 and table[at + 6] in (3, 4, 5, 6, 7):
            answers.append(table[at + 6] >= 5)
        end = table.find(b"\0\0", at + max(length, 4))
        if kind == 127 or end < 0:
            break
        at = end + 2
    if not answers:
        raise Unknown(reason="the DMI table names no error correction")
    return all(answers)


def _encryption(host):
    flags = processor_flags(host.read("/proc/cpuinfo", 16_384))
    words = text_or(host, "/proc/cmdline").split()
    if host.exists("/sys/devices/virtual/misc/sev-guest"):
        return "sev"
    return memory_encryption(flags, words)


def memory_encryption(flags, words):
    """none, sme, sev, tme or tdx by processor flags and start-up words (amd-memory-encryption)."""
    if "tdx_guest" in flags:
        return "tdx"
    if "hypervisor" in flags:
        return "sev" if flags & {"sev", "sev_es", "sev_snp"} else "none"
    if "sme" in flags and "mem_encrypt=on" in words:
        return "sme"
    if "tme" in flags:
        raise Unknown(reason="the flag does not say whether firmware switched TME on")
    return "none"


def _hugepages(host):
    rows = []
    for name in names_or_none(host, _HUGE):
        match = re.fullmatch(r"hugepages-(\d+)kB", name)
        if match:
            count = int(host.line("%s/%s/nr_hugepages" % (_HUGE, name)))
            rows.append({"size_kib": int(match.group(1)), "count": count})
    return sorted(rows, key=lambda row: row["size_kib"])


def _swap(host):
    rows = []
    for name, kind in parse_swaps(host.read("/proc/swaps")):
        is_zram = os.path.basename(name).startswith("zram")
        row = {"name": name, "kind": "zram" if is_zram else kind}
        rows.append({**row, "encrypted": _swap_encrypted(host, name, kind)})
    return rows


def parse_swaps(text):
    """``[(name, "partition" or "file")]`` of /proc/swaps, without its heading."""
    rows = [line.split() for line in text.splitlines()[1:]]
    return [(row[0], "file" if row[1] == "file" else "partition") for row in rows if len(row) > 1]


def _swap_encrypted(host, name, kind):
    if kind == "file":
        number = host.stat(name).st_dev
        try:
            name = block.name_of_number(host, "%d:%d" % (os.major(number), os.minor(number)))
        except ReadFailed:
            return False
    try:
        if os.path.dirname(name) == "/dev/mapper":
            name = host.link(name)
    except Absent:
        pass
    return block.encrypted(host, os.path.basename(name))
