"""The kernel section: settings, build options, weaknesses, and what stays unknown."""

import platform
import tempfile
from pathlib import Path

import pytest
from underpin_agent.collectors import (
    core_pattern,
    kernel,
    kernel_config,
    kernel_hardening,
    kernel_state,
)
from underpin_agent.collectors.gathering import Gathering, Unknown
from underpin_agent.reading import ReadFailed

from tests.host_agent.hosts.building import Machine, as_nobody, body, gzipped

WEAK = "/sys/devices/system/cpu/vulnerabilities/"
CONFIG = """# comment
CONFIG_MODULES=y
CONFIG_BPF_SYSCALL=y
# CONFIG_BPF_JIT is not set
CONFIG_RANDOMIZE_KSTACK_OFFSET=y
CONFIG_RANDOMIZE_KSTACK_OFFSET_DEFAULT=y
CONFIG_SLAB_MERGE_DEFAULT=y
CONFIG_STATIC_USERMODEHELPER_PATH="/sbin/helper"
"""


@pytest.fixture
def machine(tmp_path):
    """A kernel 6.18 with little of everything."""
    return Machine(tmp_path).files(
        **{
            "/proc/sys/kernel/osrelease": "6.18.44-test\n",
            "/proc/cmdline": "quiet mitigations=auto,no_user_user audit=1 -- init=/x secret\n",
            "/proc/config.gz": gzipped(CONFIG),
            "/proc/sys/kernel/kptr_restrict": "1\n",
            "/proc/sys/kernel/tainted": "4097\n",
            "/proc/sys/kernel/core_pattern": "|/usr/lib/systemd/systemd-coredump %P\n",
            "/proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
            "/sys/kernel/security/lsm": "lockdown,capability,yama",
            "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
            WEAK + "mds": "Mitigation: Clear CPU buffers; SMT vulnerable\n",
            WEAK + "old_microcode": "Not affected\n",
            "/usr/lib/systemd/systemd-coredump": "program",
        }
    )


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Not affected", "not_affected"),
        ("Vulnerable", "vulnerable"),
        ("Vulnerable: Safe RET, no microcode", "vulnerable"),
        ("Vulnerable: Clear CPU buffers attempted; SMT Host state unknown", "vulnerable"),
        ("Mitigation: PTI", "mitigated"),
        ("Mitigation: Clear CPU buffers; SMT vulnerable", "partial"),
        ("Mitigation: Enhanced IBRS; BHI: Vulnerable", "partial"),
        ("Mitigation: Clear CPU buffers; no microcode", "partial"),
        ("Mitigation: Clear CPU buffers; SMT Host state unknown", "unknown"),
        ("Unknown: No mitigations", "unknown"),
        ("KVM: Mitigation: VMX disabled", "mitigated"),
        ("KVM: Vulnerable", "vulnerable"),
        ("Processor vulnerable", "vulnerable"),
        ("some new wording", "unknown"),
    ],
)
def test_the_state_of_a_vulnerability_follows_from_its_text(text, state):
    assert kernel.vulnerability_state(text) == state


def test_the_command_line_ends_at_a_lone_double_dash():
    words = kernel.command_line('a=1 a=2 flag x="two words" -- hidden=1')
    assert words == {"a": ["1", "2"], "flag": [""], "x": ["two words"]}


@pytest.mark.parametrize("key", ["rd.luks.key", "password", "ip.TOKEN", "my_secret", "db_passwd"])
def test_a_secret_of_the_command_line_keeps_its_name_only(key):
    assert kernel.command_line("%s=hunter2 console=ttyS0" % key) == {key: [], "console": ["ttyS0"]}


@pytest.mark.parametrize(
    ("line", "version", "expected"),
    [
        ("mitigations=off", [6, 18], (True, False, [])),
        ("mitigations=auto,nosmt", [6, 1], (False, True, [])),
        ("nosmt=force", [6, 1], (False, True, [])),
        ("mitigations=auto;x mitigations=off", [6, 1], (True, False, [])),
        (
            "mitigations=auto,no_user_user,no_cross_thread",
            [6, 18],
            (False, False, ["cross_thread", "user_user"]),
        ),
        ("mitigations=auto,no_user_user", [6, 16], (False, False, [])),
        ("", [6, 18], (False, False, [])),
    ],
)
def test_mitigations_follow_the_command_line(line, version, expected):
    found = kernel.mitigations(kernel.command_line(line), version)
    assert tuple(found.values()) == expected


def test_a_listed_build_option_that_is_not_set_is_n():
    found = kernel_config.parse_config(CONFIG.encode())
    assert (found["CONFIG_MODULES"], found["CONFIG_BPF_JIT"], found["CONFIG_KEXEC"]) == (
        "y",
        "n",
        "n",
    )
    assert found["CONFIG_STATIC_USERMODEHELPER"] == "n"  # only its _PATH is set


def test_a_setting_the_kernel_lacks_is_absent_and_no_unknown(machine):
    facts, unknowns = body(kernel.collect, machine.context())
    assert facts["sysctl"]["kernel.kptr_restrict"] == "1"
    assert facts["sysctl"]["kernel.yama.ptrace_scope"] == "<absent>"
    assert set(kernel.SYSCTLS) == set(facts["sysctl"])
    assert not [path for path in unknowns if path.startswith("kernel.sysctl")]


def test_a_setting_that_cannot_be_read_is_unknown_not_absent(machine):
    machine.broken("/proc/sys/vm/swappiness")
    facts, unknowns = body(kernel.collect, machine.context())
    assert "vm.swappiness" not in facts["sysctl"]
    assert unknowns["kernel.sysctl.vm.swappiness"] == "could not be read"


def test_a_denied_setting_is_unknown_and_says_so():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        machine = Machine(folder).write("/proc/sys/kernel/perf_event_paranoid", "2")
        machine.mode("/proc/sys/kernel/perf_event_paranoid", 0o000)

        def collected():
            gathering = Gathering("kernel")
            host = machine.context().host
            kernel.read_sysctls(gathering, host, ["kernel.perf_event_paranoid", "kernel.nothing"])
            return gathering.section.as_body()

        found = as_nobody(collected)
    assert found["facts"]["sysctl"] == {"kernel.nothing": "<absent>"}
    assert found["unknowns"] == [
        {
            "path": "kernel.sysctl.kernel.perf_event_paranoid",
            "reason": "not allowed to read",
            "errno": "EACCES",
            "needs": "root",
        }
    ]


def test_a_workspace_may_add_plain_names_only(machine):
    machine.write("/proc/sys/kernel/hostname", "n1").write("/etc/shadow", "root:x")
    names = ["kernel.hostname", "../../etc/shadow", "kernel/../x", "net.core.somaxconn"]
    facts, _ = body(kernel.collect, machine.context(options={"sysctl_names": names}))
    assert facts["sysctl"]["kernel.hostname"] == "n1"
    assert set(facts["sysctl"]) == {*kernel.SYSCTLS, "kernel.hostname"}


def test_the_whole_section_of_a_small_machine(machine):
    facts, unknowns = body(kernel.collect, machine.context())
    assert facts["version"] == [6, 18, 44]
    assert facts["command_line"]["audit"] == ["1"]
    assert "init" not in facts["command_line"]
    assert facts["mitigations"]["unprotected_vectors"] == ["user_user"]
    assert facts["taint"] == ["out_of_tree", "proprietary"]
    assert facts["security_modules"]["active"] == ["lockdown", "capability", "yama"]
    assert facts["lockdown"] == "integrity"
    assert facts["modules"] == {"supported": True, "signature_enforced": True}
    assert facts["core_pattern"]["handler_trusted"] is True
    assert facts["uevent_helper"] == "<absent>"
    assert facts["binfmt"] == {"mounted": False, "entries": []}
    assert facts["debugfs"] == {"mounted": False, "world_accessible": False}
    assert facts["pressure_available"] is True
    assert unknowns["kernel.selinux"] == "SELinux is not active"


def test_the_microcode_file_belongs_to_the_platform_only(machine):
    facts, _ = body(kernel.collect, machine.context())
    assert [row["name"] for row in facts["vulnerabilities"]] == ["mds"]


def test_without_build_options_hardening_is_unknown_unless_the_command_line_decides(machine):
    machine.at("/proc/config.gz").unlink()
    machine.write("/proc/cmdline", "init_on_alloc=1 slab_nomerge")
    facts, unknowns = body(kernel.collect, machine.context())
    assert facts["hardening"]["init_on_alloc"] is True
    assert facts["hardening"]["slab_nomerge"] is True
    assert "init_on_free" not in facts["hardening"]
    assert unknowns["kernel.hardening.init_on_free"] == "no parameter and no build options"
    assert unknowns["kernel.config"] == "not present on this host"


def test_a_broken_configuration_file_is_unknown(machine):
    machine.write("/proc/config.gz", b"no gzip at all")
    _, unknowns = body(kernel.collect, machine.context())
    assert unknowns["kernel.config"] == "could not be read"


def test_a_configuration_bomb_is_cut_at_the_cap(machine):
    machine.write("/proc/config.gz", gzipped("\n" * 50_000_000))
    assert kernel_config.read(machine.context().host, "6.18")["CONFIG_MODULES"] == "n"


def test_only_securityfs_knows_lockdown(machine):
    machine.at("/sys/kernel/security/lockdown").unlink()
    host = machine.context().host
    assert kernel_state.lockdown(host, ["capability"]) == "none"
    with pytest.raises(Unknown):
        kernel_state.lockdown(host, ["capability", "lockdown"])


SYMBOLS = dict.fromkeys(kernel_config.PUBLISHED + kernel_config.INTERNAL, "n")


@pytest.mark.parametrize(
    ("words", "symbols", "expected"),
    [
        ({}, {"CONFIG_SLAB_MERGE_DEFAULT": "y"}, False),
        ({}, {}, True),
        ({"slab_nomerge": [""]}, {"CONFIG_SLAB_MERGE_DEFAULT": "y"}, True),
        ({"slab_merge": [""]}, {}, False),
    ],
)
def test_the_command_line_decides_slab_merging_before_the_build(words, symbols, expected):
    assert kernel_hardening.slab_nomerge(words, {**SYMBOLS, **symbols}) is expected


@pytest.mark.parametrize(
    ("words", "symbols", "expected"),
    [
        ({}, {"CONFIG_PROC_MEM_ALWAYS_FORCE": "y"}, "always"),
        ({}, {"CONFIG_PROC_MEM_NO_FORCE": "y"}, "never"),
        ({}, {"CONFIG_PROC_MEM_FORCE_PTRACE": "y"}, "ptrace"),
        ({"proc_mem.force_override": ["never"]}, {"CONFIG_PROC_MEM_ALWAYS_FORCE": "y"}, "never"),
        ({}, {}, "always"),
    ],
)
def test_who_may_write_through_proc_mem(words, symbols, expected):
    assert kernel_hardening.proc_mem_force(words, {**SYMBOLS, **symbols}) == expected


def test_only_x86_has_a_vsyscall_page():
    assert kernel_hardening.vsyscall_none({}, SYMBOLS, "aarch64") is True
    emulated = {**SYMBOLS, "CONFIG_X86_VSYSCALL_EMULATION": "y"}
    assert kernel_hardening.vsyscall_none({}, emulated, "x86_64") is False
    assert kernel_hardening.vsyscall_none({"vsyscall": ["none"]}, emulated, "x86_64") is True


@pytest.mark.parametrize(
    ("raw", "kind", "handler"),
    [
        ("", "off", ""),
        ("/dev/null", "off", ""),
        ("core", "file", ""),
        ("/var/crash/core.%p", "file", ""),
        ("|/usr/share/apport/apport %p %s", "pipe", "/usr/share/apport/apport"),
        ("@/run/dump.sock", "socket", ""),
    ],
)
def test_the_kind_of_a_core_pattern(raw, kind, handler):
    assert core_pattern.pattern_kind(raw) == kind
    assert core_pattern.pattern_handler(raw) == handler


@pytest.mark.parametrize(
    ("handler", "trusted"),
    [
        ("/usr/lib/systemd/systemd-coredump", True),
        ("/usr/bin/missing", False),
        ("/tmp/handler", False),
        ("/proc/1234/root/x", False),
        ("/usr/lib/../../tmp/handler", False),
        ("relative", False),
        ("/usr/bin/open", False),
    ],
)
def test_a_handler_counts_only_outside_places_containers_write(machine, handler, trusted):
    machine.write("/tmp/handler", "x").write("/usr/bin/open", "x").mode("/usr/bin/open", 0o777)
    assert core_pattern.handler_trusted(machine.context().host, handler) is trusted


def test_dumps_in_the_folder_of_the_process_are_not_protected(machine):
    host = machine.context().host
    assert core_pattern.storage_protected(host, "core") is False
    assert core_pattern.storage_protected(host, "/dev/null") is True
    with pytest.raises(Unknown):
        core_pattern.storage_protected(host, "|/opt/other %p")


def test_taint_bits_this_list_does_not_know_keep_their_number():
    assert kernel_state.taint_words(1 | 1 << 40) == ["bit-40", "proprietary"]
    assert kernel_state.taint_words(0) == []


def test_an_entry_of_binfmt_misc():
    lines = ["enabled", "interpreter /usr/bin/qemu", "flags: OCF", "offset 0", "magic 7f45"]
    found = kernel_state.binfmt_entry(lines)
    assert found == {"flags": "OCF", "interpreter": "/usr/bin/qemu"}


def test_pressure_that_is_switched_off_is_a_fact(machine):
    class Refusing:
        def line(self, path):
            raise ReadFailed(path, "EOPNOTSUPP")

    assert kernel_state.pressure_available(Refusing()) is False


@pytest.mark.skipif(platform.system() != "Linux", reason="reads this kernel")
def test_this_machine_has_a_release_like_uname():
    from underpin_agent.reading import Host  # noqa: PLC0415

    gathering = Gathering("kernel")
    kernel.read_sysctls(gathering, Host(), ["kernel.osrelease"])
    assert gathering.facts["sysctl"]["kernel.osrelease"] == platform.release()
