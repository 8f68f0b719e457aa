"""What a failing check means, as a clause that stands after "On one host, …".

A check's title says the good condition. These clauses say the opposite in plain words, for the
checks whose failure matters most; any other check is named by its title.
"""

from typing import Final

from assessments.figures.names import level_word

CLAUSES: Final = {
    "SEG-MNT-02": "a container sees the host's root file system",
    "SEG-MNT-03": "a read-only bind of the host is writable further down",
    "SEG-MNT-04": "a container can take over the machine through the runtime's socket",
    "SEG-MNT-05": "a container can write to a sensitive directory of the host",
    "SEG-MNT-06": "a container can read directories that hold the host's secrets",
    "SEG-MNT-01": "a container lives in the host's mount namespace",
    "SEG-MNT-09": "a container has the host's /dev",
    "SEG-MNT-10": "a container has the host's /proc or /sys",
    "SEG-MNT-11": "a container can write kernel control files",
    "SEG-MNT-18": "a container holds a file of the host open",
    "SEG-CAP-01": "a container can become root on the machine through SYS_ADMIN",
    "SEG-CAP-02": "a container can load kernel modules",
    "SEG-CAP-03": "a container can trace processes",
    "SEG-CAP-04": "a container can read any file regardless of permission",
    "SEG-CAP-07": "a container can load BPF programs",
    "SEG-CAP-09": "a container has raw access to hardware",
    "SEG-CAP-11": "a container can reboot the machine",
    "SEG-CAP-18": "a container holds capabilities beyond the engine's default",
    "SEG-CAP-19": "a container is privileged",
    "SEG-DEV-01": "a container has device nodes beyond the standard ones",
    "SEG-DEV-02": "a container has a block device of the host",
    "SEG-DEV-03": "a container has a memory or kernel-log device",
    "SEG-DEV-06": "a container may open every device",
    "SEG-DEV-07": "a container may read or write block devices",
    "SEG-ESC-01": "a container can become root on the machine through core_pattern",
    "SEG-ESC-02": "a container can become root on the machine through release_agent",
    "SEG-ESC-03": "a container can become root on the machine through uevent_helper",
    "SEG-ESC-04": "a container can register binary formats on the machine",
    "SEG-ESC-05": "a container can change the kernel's module loader path",
    "SEG-ESC-09": "a container can act as host root over a shared PID namespace",
    "SEG-LAY-01": "fewer than three walls stand around a container",
    "SEG-PID-01": "a container shares the host's PID namespace",
    "SEG-PRC-02": "a container can trace processes outside it",
    "SEG-NET-01": "a container shares the host's network",
    "SEG-NET-04": "a container can change the host's network",
    "SEG-NET-18": "a container reaches the cloud metadata service",
    "SEG-NET-24": "containers reach the ports that manage the node",
    "SEG-PRV-02": "container processes run without a seccomp filter",
    "SEG-PRV-03": "a seccomp profile lets escape-prone system calls through",
    "SEG-USR-01": "containers run without a user namespace of their own",
    "SEG-USR-02": "container processes run as root of the machine",
    "SEG-LSM-01": "no mandatory access control is active",
    "SEG-LSM-02": "containers run unconfined",
    "SEG-RTE-02": "the engine runs as root",
    "SEG-RTE-03": "root in a container is root on the machine",
    "RES-MEM-01": "containers run without a memory limit",
    "RES-MEM-06": "a container switched the OOM killer off",
    "RES-MEM-12": "memory limits promise more than the host has",
    "RES-MEM-13": "host services have no protected memory",
    "RES-PID-01": "containers may start processes without limit",
    "RES-PID-04": "process limits promise more than the host has",
    "RES-CPU-01": "containers may use every processor without bound",
    "ACC-RT-01": "other users can reach the runtime's socket",
    "ACC-RT-03": "people who are not on the list can control the runtime",
    "ACC-RT-04": "the engine listens on the network without client certificates",
    "ACC-RT-11": "nothing ties a runtime call to a person",
    "ACC-LOGIN-01": "root can log in over ssh",
    "ACC-LOGIN-02": "people can log in over ssh with a password",
    "ACC-LOGIN-03": "administrators log in without a second factor",
    "ACC-LOGIN-10": "a sudo rule gives everything without a password",
    "LOG-AUD-01": "kernel audit is not recorded",
    "LOG-AUD-04": "nobody records who talks to the runtime's socket",
    "LOG-SHIP-01": "logs do not leave the host",
    "LOG-DRV-02": "container logs can fill the disk",
    "KRN-BPF-01": "any user may load BPF programs",
    "KRN-MOD-01": "unsigned kernel modules can be loaded",
    "PLT-CPU-01": "a processor vulnerability is left unmitigated",
    "PLT-CPU-02": "processor mitigations are switched off",
    "VIS-CTR-01": "a container runs that no runtime knows of",
}
NUMBER_WORDS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def clause_of(check_id: str, *, title: str) -> str:
    """The failure in plain words, or the rule that is not met."""
    return CLAUSES.get(check_id) or f"this rule is not met: {title}"


def count_words(number: int, noun: str) -> str:
    """``one host``, ``two hosts``, ``12 hosts``."""
    word = NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)
    return f"{word} {noun}" if number == 1 else f"{word} {noun}s"


def worst_sentence(check_id: str, *, title: str, level: int, hosts: int) -> str:
    """The headline about the worst open finding: how far it reaches, and what it means."""
    reach = f"On {count_words(hosts, 'host')}"
    if check_id in CLAUSES:
        return f"{reach}, {CLAUSES[check_id]}"
    return f"{reach}, a rule of {level_word(level).lower()} risk is not met: {title}"
