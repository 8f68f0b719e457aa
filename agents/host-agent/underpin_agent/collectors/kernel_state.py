"""What the running kernel has switched on: security modules, dumps, helpers, debug interfaces."""

import ctypes
import platform

from ..mountinfo import read_host_mounts
from ..reading import Absent, Denied, ReadFailed
from . import core_pattern
from .gathering import Unknown, names_or_none, text_or

_TAINT = (  # Documentation/admin-guide/tainted-kernels.rst, bit 0 first
    "proprietary",
    "forced_load",
    "out_of_spec",
    "forced_unload",
    "machine_check",
    "bad_page",
    "user_request",
    "die",
    "overridden_acpi",
    "warn",
    "staging",
    "firmware_workaround",
    "out_of_tree",
    "unsigned",
    "soft_lockup",
    "livepatch",
    "auxiliary",
    "randstruct",
    "test",
    "fwctl",
)
_LSM_NAMES = {  # include/uapi/linux/lsm.h
    100: "capability",
    101: "selinux",
    102: "smack",
    103: "tomoyo",
    104: "apparmor",
    105: "yama",
    106: "loadpin",
    107: "safesetid",
    108: "lockdown",
    109: "bpf",
    110: "landlock",
    111: "ima",
    112: "evm",
    113: "ipe",
}
_LSM_LIST_MODULES = 461  # the same number on every architecture except alpha
_BINFMT = "/proc/sys/fs/binfmt_misc"


def gather(gathering, host, symbols):
    """Store the rows of ``kernel`` that are neither settings nor start-up switches."""
    try:
        mounts = read_host_mounts(host)
    except ReadFailed as failure:
        mounts = None
        for key in ("binfmt", "debugfs"):
            gathering.failed(key, failure)
    active = gathering.fact("security_modules.active", lambda: security_modules(host))
    _selinux(gathering, host, active)
    gathering.fact("lockdown", lambda: lockdown(host, active))
    _modules(gathering, host, symbols)
    core_pattern.gather(gathering, host)
    gathering.fact(
        "uevent_helper", lambda: host.line("/sys/kernel/uevent_helper"), absent="<absent>"
    )
    if mounts is not None:
        _binfmt(gathering, host, mounts)
        _debugfs(gathering, host, mounts)
    gathering.fact("taint", lambda: taint_words(int(host.line("/proc/sys/kernel/tainted"))))
    gathering.fact("pressure_available", lambda: pressure_available(host))


def security_modules(host):
    """Names of the modules that run, in their order. Raises Unknown without any source."""
    try:
        return [name for name in host.line("/sys/kernel/security/lsm").split(",") if name]
    except Absent:
        return _listed_modules()


def _listed_modules():
    """lsm_list_modules(2), since Linux 6.8: it needs no securityfs."""
    if platform.machine() == "alpha":
        raise Unknown(reason="securityfs is not mounted", needs="securityfs")
    ids, size = (ctypes.c_uint64 * 64)(), ctypes.c_uint32(64 * 8)
    count = ctypes.CDLL(None).syscall(_LSM_LIST_MODULES, ids, ctypes.byref(size), 0)
    if count < 0:
        raise Unknown(reason="securityfs is not mounted", needs="securityfs")
    return [_LSM_NAMES.get(number, "lsm-%d" % number) for number in ids[:count]]


def _selinux(gathering, host, active):
    if active is not None and "selinux" not in active:
        gathering.missing("selinux", "SELinux is not active", "ENOENT")
        return
    gathering.fact("selinux.enforcing", lambda: host.line("/sys/fs/selinux/enforce") == "1")


def lockdown(host, active):
    """The bracketed word of the lockdown file; ``none`` when that module does not run."""
    try:
        text = host.line("/sys/kernel/security/lockdown")
    except Absent:
        if active is not None and "lockdown" not in active:
            return "none"
        raise Unknown(reason="securityfs is not mounted", needs="securityfs") from None
    return bracketed(text)


def bracketed(text):
    """The chosen word of a list such as ``[none] integrity confidentiality``."""
    return text[text.index("[") + 1 : text.index("]")]


def _modules(gathering, host, symbols):
    supported = gathering.fact("modules.supported", lambda: _supports_modules(host, symbols))
    if supported is not None:
        gathering.fact("modules.signature_enforced", lambda: _signed_only(gathering, host, symbols))
    else:
        gathering.missing("modules.signature_enforced", "module support is not known")


def _supports_modules(host, symbols):
    if symbols is not None and symbols["CONFIG_MODULES"] == "y":
        return True
    return host.exists("/proc/modules")


def _signed_only(gathering, host, symbols):
    if gathering.facts.get("lockdown") in ("integrity", "confidentiality"):
        return True
    if symbols is not None and symbols["CONFIG_MODULE_SIG_FORCE"] == "y":
        return True
    return text_or(host, "/sys/module/module/parameters/sig_enforce", "N") == "Y"


def _binfmt(gathering, host, mounts):
    mounted = any(mount.filesystem == "binfmt_misc" for mount in mounts)
    gathering.store("binfmt.mounted", mounted)
    gathering.fact("binfmt.entries", lambda: _binfmt_entries(host) if mounted else [])


def _binfmt_entries(host):
    names = [name for name in names_or_none(host, _BINFMT) if name not in ("register", "status")]
    return [{"name": n, **binfmt_entry(host.lines("%s/%s" % (_BINFMT, n)))} for n in names]


def binfmt_entry(lines):
    """Flags and interpreter of one entry (Documentation/admin-guide/binfmt-misc.rst)."""
    found = {"flags": "", "interpreter": ""}
    for line in lines:
        key, _, value = line.partition(" ")
        if key.rstrip(":") in found:
            found[key.rstrip(":")] = value.strip()
    return found


def _debugfs(gathering, host, mounts):
    mounted = any(mount.filesystem == "debugfs" for mount in mounts)
    gathering.store("debugfs.mounted", mounted)
    gathering.fact(
        "debugfs.world_accessible",
        lambda: mounted and bool(host.stat("/sys/kernel/debug").st_mode & 0o005),
    )


def taint_words(mask):
    """The set bits of kernel.tainted as words; bits newer than this list as ``bit-20``."""
    bits = [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
    return sorted(_TAINT[bit] if bit < len(_TAINT) else "bit-%d" % bit for bit in bits)


def pressure_available(host):
    """True when PSI answers; EOPNOTSUPP means it needs ``psi=1`` on the command line."""
    try:
        return "avg10" in host.line("/proc/pressure/cpu")
    except Absent:
        return False
    except Denied:
        raise
    except ReadFailed as failure:
        if failure.errno_name == "EOPNOTSUPP":
            return False
        raise
