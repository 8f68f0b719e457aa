"""The closed lists: where a check may stand, and which words its fields may use."""

AREAS: dict[str, tuple[str, ...]] = {
    "segregation": ("container-to-outside", "container-to-container", "process-to-process"),
    "general": ("encryption", "small-images", "no-login", "visibility"),
    "access": ("who", "where", "when", "start-stop", "content"),
    "logging": ("start-stop", "content", "integrity", "who-when-where"),
    "resource": (
        "memory",
        "cpu",
        "interference",
        "processes",
        "storage",
        "cgroups",
        "measurement",
    ),
}

LAYERS: dict[str, tuple[str, ...]] = {
    "userland": (
        "application-code",
        "system-libraries",
        "images",
        "syscall-interface",
        "container-runtime",
        "host-services",
        "accounts",
        "log-pipeline",
        "agent",
    ),
    "kernel": (
        "pid-namespace",
        "network-namespace",
        "user-namespace",
        "mount-namespace",
        "ipc-namespace",
        "uts-namespace",
        "cgroup-namespace",
        "time-namespace",
        "cgroup-cpu",
        "cgroup-memory",
        "cgroup-pids",
        "cgroup-io",
        "cgroup-devices",
        "cgroup-tree",
        "memory-manager",
        "cpu-scheduler",
        "network-subsystem",
        "file-systems",
        "block-layer",
        "capabilities",
        "lsm-seccomp",
        "keyrings",
        "audit",
        "clock",
        "usermode-helpers",
        "kernel-hardening",
        "shared-kernel",
    ),
    "platform": ("cpus", "memory-controllers", "dimms", "pci-iommu", "firmware", "hypervisor"),
    "periphery": ("block-devices", "network-devices", "character-devices", "video-devices"),
}

TIERS = ("T1", "T2", "T3")
STATES = ("running", "paused", "exited", "created", "unknown")
REMEDIES = (
    "general",
    "docker",
    "podman",
    "compose",
    "kubernetes",
    "systemd",
    "sysctl",
    "boot",
    "image",
    "containerd",
    "crio",
    "hypervisor",
)
NEEDS = (
    "labels",
    "runtime-api",
    "oci-bundle",
    "content-scan",
    "tls-probe",
    "version-table",
    "event-history",
    "baseline",
    "attestation",
    "cap-audit-control",
)

# How a number of each source looks; "other" is free text that names a manual page or document.
REFERENCES: dict[str, str] = {
    "cis_docker": r"(C\.)?\d{1,2}(\.\d{1,2}){1,3}(-\d{1,2}(\.\d{1,2}){1,3})?",
    "nist_800_53": r"[A-Z]{2}-\d{1,2}(\(\d{1,2}\))?",
    "nist_800_190": r"[34]\.\d(\.\d)?",
    "attack": r"T\d{4}(\.\d{3})?",
    "iso_27001": r"A\.[5-8]\.\d{1,2}",
    "pci": r"\d{1,2}(\.\d{1,2}){1,3}",
    "disa": r"(SRG-APP-\d{6}|V-\d{6}|DKER-EE-\d{6})",
    "other": r"\S.{1,78}\S",
}
