"""The ``kernel`` section: the one kernel below all containers."""

import re

from ..reading import Absent, ReadFailed
from . import kernel_config, kernel_hardening, kernel_state
from .gathering import Gathering, names_or_none

SYSCTLS = (
    "dev.tty.ldisc_autoload",
    "dev.tty.legacy_tiocsti",
    "fs.binfmt_misc.status",
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "fs.suid_dumpable",
    "kernel.apparmor_restrict_unprivileged_userns",
    "kernel.dmesg_restrict",
    "kernel.io_uring_disabled",
    "kernel.kexec_load_disabled",
    "kernel.kptr_restrict",
    "kernel.modules_disabled",
    "kernel.oops_limit",
    "kernel.panic_on_oops",
    "kernel.perf_event_paranoid",
    "kernel.pid_max",
    "kernel.randomize_va_space",
    "kernel.sched_rt_runtime_us",
    "kernel.sysrq",
    "kernel.threads-max",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "user.max_user_namespaces",
    "vm.dirty_bytes",
    "vm.dirty_ratio",
    "vm.mmap_min_addr",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "vm.swappiness",
    "vm.unprivileged_userfaultfd",
)
_SECRET_KEY = re.compile(r"pass|secret|token|credential|(^|[._-])key($|[._-])", re.IGNORECASE)
_CUSTOM_NAME = re.compile(r"[a-z0-9_.-]+\Z")


def collect(context):
    """Read the kernel's own account of itself."""
    host, gathering = context.host, Gathering("kernel")
    release = gathering.fact("release", lambda: host.line("/proc/sys/kernel/osrelease")) or ""
    if release:
        gathering.store("version", version_numbers(release))
    else:
        gathering.missing("version", "the release could not be read")
    words = gathering.fact("command_line", lambda: command_line(host.line("/proc/cmdline")))
    symbols = gathering.fact("config", lambda: kernel_config.read(host, release))
    if symbols is not None:
        gathering.store("config", {name: symbols[name] for name in kernel_config.PUBLISHED})
    names = [name for name in custom_names(context.options) if not name.startswith("net.")]
    read_sysctls(gathering, host, sorted({*SYSCTLS, *names}))
    _vulnerabilities(gathering, host)
    if words is None:
        gathering.missing("mitigations", "the command line could not be read")
    else:
        gathering.store("mitigations", mitigations(words, gathering.facts.get("version", [])))
    kernel_hardening.gather(gathering, host, words, symbols)
    kernel_state.gather(gathering, host, symbols)
    return gathering.section


def version_numbers(release):
    """The first three numbers of a release: ``6.18.44-fc`` gives ``[6, 18, 44]``."""
    return [int(number) for number in re.findall(r"\d+", release)[:3]]


def command_line(text):
    """``{key: [values]}`` up to a lone ``--``; a flag has the value ``""``; secrets have none."""
    words = {}
    for word in re.findall(r'(?:[^\s"]|"[^"]*")+', text):
        if word == "--":
            break
        key, _, value = word.strip('"').partition("=")
        values = words.setdefault(key, [])
        if not _SECRET_KEY.search(key):
            values.append(value.strip('"'))
    return words


def custom_names(options):
    """Names the workspace declares beside the fixed lists; anything but a plain name is ignored."""
    names = options.get("sysctl_names") or ()
    return [name for name in names if _CUSTOM_NAME.match(name) and ".." not in name]


def read_sysctls(gathering, host, names):
    """Store ``sysctl{}``: white space folded, ``<absent>`` where the kernel lacks the name."""
    values = gathering.facts.setdefault("sysctl", {})
    for name in names:
        try:
            values[name] = host.line("/proc/sys/" + name.replace(".", "/"))
        except Absent:
            values[name] = "<absent>"
        except ReadFailed as failure:
            gathering.failed("sysctl." + name, failure, "root")


def _vulnerabilities(gathering, host):
    folder = "/sys/devices/system/cpu/vulnerabilities"
    names = gathering.fact("vulnerabilities", lambda: names_or_none(host, folder))
    rows = []
    for name in names or ():
        try:
            text = host.line(folder + "/" + name)
        except ReadFailed as failure:
            gathering.failed("vulnerabilities[].text", failure)
            continue
        # In a guest the microcode level is that of the virtual machine (facts.md, trap 13).
        if name != "old_microcode":
            rows.append({"name": name, "text": text, "state": vulnerability_state(text)})
    if names is not None:
        gathering.store("vulnerabilities", rows)


def vulnerability_state(text):
    """One word for the text of a vulnerabilities file (Documentation/admin-guide/hw-vuln)."""
    words = text.lower()
    if words.startswith("kvm: "):
        words = words[len("kvm: ") :]
    if words.startswith("not affected"):
        return "not_affected"
    if words.startswith(("vulnerable", "processor vulnerable")):
        return "vulnerable"
    if "unknown" in words:
        return "unknown"
    if not words.startswith("mitigation"):
        return "unknown"
    return "partial" if "vulnerable" in words or "no microcode" in words else "mitigated"


def mitigations(words, version):
    """``mitigations.*`` from ``mitigations=`` and ``nosmt`` (kernel-parameters.rst)."""
    chosen = words.get("mitigations") or ["auto"]
    tokens = chosen[-1].split(",")
    # Single vectors can be left out since Linux 6.17; older kernels ignore the words.
    vectors = [t[3:] for t in tokens if t.startswith("no_")] if version >= [6, 17] else []
    return {
        "off": "off" in tokens,
        "smt_disabled": "nosmt" in tokens or "nosmt" in words,
        "unprotected_vectors": sorted(set(vectors)),
    }
