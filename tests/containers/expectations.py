"""Which checks must fail on which container; every other watched check must pass or not apply."""

from typing import Final

# What the real weaknesses below touch. The rest of the catalogue is proven by its cases.
WATCHED: Final = frozenset(
    {
        "SEG-PID-01",
        "SEG-NET-01",
        "SEG-NET-04",
        "SEG-IPC-01",
        "SEG-MNT-02",
        "SEG-MNT-04",
        "SEG-MNT-05",
        "SEG-MNT-15",
        "SEG-CAP-01",
        "SEG-CAP-03",
        "SEG-CAP-05",
        "SEG-CAP-18",
        "SEG-PRV-01",
        "SEG-PRV-02",
        "SEG-USR-02",
        "RES-MEM-01",
        "RES-PID-01",
        "RES-CPU-01",
    }
)
# Any container that was started without thinking: root, writable, no limits, privileges to gain.
CARELESS: Final = frozenset(
    {"SEG-MNT-15", "SEG-PRV-01", "SEG-USR-02", "RES-MEM-01", "RES-PID-01", "RES-CPU-01"}
)
# Every option that closes a watched weakness (user namespaces need a remapped engine).
HARDENED_OPTIONS: Final = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--user=10001:10001",
    "--memory=64m",
    "--pids-limit=64",
    "--cpus=0.5",
)
FAILING: Final = {
    "plain": CARELESS,
    "host-pid": CARELESS | {"SEG-PID-01"},
    "host-network": CARELESS | {"SEG-NET-01"},
    "host-ipc": CARELESS | {"SEG-IPC-01"},
    "engine-socket": CARELESS | {"SEG-MNT-04"},
    "admin": CARELESS | {"SEG-CAP-01", "SEG-CAP-05", "SEG-CAP-18"},
    "tracer": CARELESS | {"SEG-CAP-03", "SEG-CAP-18"},
    "host-network-admin": CARELESS | {"SEG-NET-01", "SEG-NET-04", "SEG-CAP-05", "SEG-CAP-18"},
    "host-etc": CARELESS | {"SEG-MNT-05"},
    "unfiltered": CARELESS | {"SEG-PRV-02"},
    "first": CARELESS,
    "second": CARELESS,
    "hardened": frozenset(),
}
# The two that share namespaces: checks on the pair.
PAIR_WATCHED: Final = frozenset({"SEG-PID-02", "SEG-NET-02", "SEG-IPC-02", "SEG-UTS-02"})
PAIR_FAILING: Final = {"first, second": frozenset({"SEG-PID-02", "SEG-NET-02", "SEG-IPC-02"})}
