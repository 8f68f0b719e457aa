"""Measures the check engine: against the same checks written in Python, and in milliseconds.

Run ``python -m benchmarks.engine_speed``. It prints one JSON object a line:
``{"name", "value", "unit", "budget", "ok"}``. CPU time is measured, so that other programs
disturb little.

The twins are lambdas as a programmer would write them, without any guard against values of the
wrong type; an exception is an unknown, as it is for the engine. Both sides loop over the same
containers and keep every answer.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from random import Random
from statistics import median
from typing import Any, cast

from agents.facts.schema import schema
from assessments.catalogue.loader import Catalogue, load_catalogue
from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.evaluate import Engine
from assessments.engine.expression.typetree import TypeTree

CONTAINERS = 50
ROUNDS = 41
MAX_RATIO = 1.5
MAX_JUDGE_MS = 60.0
MAX_EXPLAIN_MS = 0.5
PAIRS = 100
SEED = 1
MAX_COMPILE_MS = 2_000.0

Facts = Mapping[str, Any]
Twin = Callable[[Facts, Facts], bool]

RISKY = ["bpf", "kexec_load", "init_module", "open_by_handle_at", "mount", "setns", "unshare"]
LOGINS = ["sshd", "dropbear", "telnetd", "xrdp", "Xvnc"]
DEFAULT_CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID"]

TWINS: list[tuple[str, Twin]] = [
    (
        '!("CAP_SYS_ADMIN" in container.capabilities.reachable)',
        lambda c, h: "CAP_SYS_ADMIN" not in c["capabilities"]["reachable"],
    ),
    (
        '!("CAP_NET_RAW" in container.capabilities.reachable)',
        lambda c, h: "CAP_NET_RAW" not in c["capabilities"]["reachable"],
    ),
    (
        f"container.capabilities.reachable.all(x, x in {json.dumps(DEFAULT_CAPS)})",
        lambda c, h: all(x in DEFAULT_CAPS for x in c["capabilities"]["reachable"]),
    ),
    (
        '!container.capabilities.reachable.exists(x, x in ["CAP_MAC_ADMIN", "CAP_SYSLOG"])',
        lambda c, h: (
            not any(x in ["CAP_MAC_ADMIN", "CAP_SYSLOG"] for x in c["capabilities"]["reachable"])
        ),
    ),
    (
        "size(container.capabilities.inheritable) == 0",
        lambda c, h: len(c["capabilities"]["inheritable"]) == 0,
    ),
    ("!container.user_namespace.initial", lambda c, h: not c["user_namespace"]["initial"]),
    (
        "!container.namespaces.network.is_host",
        lambda c, h: not c["namespaces"]["network"]["is_host"],
    ),
    ("!container.namespaces.pid.is_host", lambda c, h: not c["namespaces"]["pid"]["is_host"]),
    ("!container.namespaces.ipc.is_host", lambda c, h: not c["namespaces"]["ipc"]["is_host"]),
    (
        "!(container.namespaces.pid.is_host && container.ids.root_on_host)",
        lambda c, h: not (c["namespaces"]["pid"]["is_host"] and c["ids"]["root_on_host"]),
    ),
    ("container.no_new_privileges", lambda c, h: bool(c["no_new_privileges"])),
    ("container.root_filesystem.read_only", lambda c, h: bool(c["root_filesystem"]["read_only"])),
    ("container.seccomp.weakest_mode == 2", lambda c, h: c["seccomp"]["weakest_mode"] == 2),
    (
        f"!container.seccomp.risky_allowed.exists(s, s in {json.dumps(RISKY)})",
        lambda c, h: not any(s in RISKY for s in c["seccomp"]["risky_allowed"]),
    ),
    ("container.security_module.confined", lambda c, h: bool(c["security_module"]["confined"])),
    (
        '!container.mounts.exists(m, m.role == "host" && !m.read_only)',
        lambda c, h: not any(m["role"] == "host" and not m["read_only"] for m in c["mounts"]),
    ),
    (
        'container.mounts.filter(m, m.filesystem == "sysfs").all(m, m.read_only)',
        lambda c, h: all(m["read_only"] for m in c["mounts"] if m["filesystem"] == "sysfs"),
    ),
    (
        '!container.mounts.exists(m, m.sensitive in ["root", "etc", "system"])',
        lambda c, h: not any(m["sensitive"] in ["root", "etc", "system"] for m in c["mounts"]),
    ),
    (
        'container.mounts.all(m, m.role != "socket")',
        lambda c, h: all(m["role"] != "socket" for m in c["mounts"]),
    ),
    ("size(container.runtime_sockets) == 0", lambda c, h: len(c["runtime_sockets"]) == 0),
    (
        'container.kernel_paths["/proc/kcore"] in ["absent", "masked"]',
        lambda c, h: c["kernel_paths"]["/proc/kcore"] in ["absent", "masked"],
    ),
    (
        '["/proc/acpi", "/proc/keys"].all(p, container.kernel_paths[p] == "masked")',
        lambda c, h: all(c["kernel_paths"][p] == "masked" for p in ("/proc/acpi", "/proc/keys")),
    ),
    (
        f"!container.processes.exists(p, p.command in {json.dumps(LOGINS)})",
        lambda c, h: not any(p["command"] in LOGINS for p in c["processes"]),
    ),
    (
        "container.processes.all(p, !p.traced)",
        lambda c, h: all(not p["traced"] for p in c["processes"]),
    ),
    (
        "container.processes.all(p, size(p.extra_capabilities) == 0)",
        lambda c, h: all(len(p["extra_capabilities"]) == 0 for p in c["processes"]),
    ),
    ("container.limits.memory_limited", lambda c, h: bool(c["limits"]["memory_limited"])),
    ("container.limits.pids_limited", lambda c, h: bool(c["limits"]["pids_limited"])),
    (
        "container.limits.pids_max <= policy.pids_max_cap",
        lambda c, h: c["limits"]["pids_max"] <= h["policy"]["pids_max_cap"],
    ),
    (
        "double(container.usage.pids_peak_ratio) < 0.8",
        lambda c, h: float(c["usage"]["pids_peak_ratio"]) < 0.8,
    ),
    (
        "container.limits.io_max_set || container.limits.io_weight_set",
        lambda c, h: c["limits"]["io_max_set"] or c["limits"]["io_weight_set"],
    ),
    (
        "container.limits.swap_limited && container.limits.swap_max_bytes <= policy.swap_max_bytes",
        lambda c, h: (
            c["limits"]["swap_limited"]
            and c["limits"]["swap_max_bytes"] <= h["policy"]["swap_max_bytes"]
        ),
    ),
    (
        'container.log.driver in ["json-file", "local", "journald"]',
        lambda c, h: c["log"]["driver"] in ["json-file", "local", "journald"],
    ),
    ("container.log.rotates", lambda c, h: bool(c["log"]["rotates"])),
    (
        "size(container.published_ports.filter(p, !p.loopback)) == 0",
        lambda c, h: len([p for p in c["published_ports"] if not p["loopback"]]) == 0,
    ),
    (
        "container.published_ports.all(p, p.container_port > 1024)",
        lambda c, h: all(p["container_port"] > 1024 for p in c["published_ports"]),
    ),
    (
        'container.network.interfaces.all(i, i.ipv6_disabled || i.kind in ["", "bridge"])',
        lambda c, h: all(
            i["ipv6_disabled"] or i["kind"] in ["", "bridge"] for i in c["network"]["interfaces"]
        ),
    ),
    (
        'container.image_reference.contains("@sha256:")',
        lambda c, h: "@sha256:" in c["image_reference"],
    ),
    (
        "images.exists(i, i.id == container.image_id && i.registry in policy.trusted_registries)",
        lambda c, h: any(
            i["id"] == c["image_id"] and i["registry"] in h["policy"]["trusted_registries"]
            for i in h["images"]
        ),
    ),
    (
        "runtimes.exists(e, e.key == container.runtime && e.usage.event_gap_s_24h <= 60)",
        lambda c, h: any(
            e["key"] == c["runtime"] and e["usage"]["event_gap_s_24h"] <= 60 for e in h["runtimes"]
        ),
    ),
    (
        'kernel.sysctl["kernel.dmesg_restrict"] == "1"',
        lambda c, h: h["kernel"]["sysctl"]["kernel.dmesg_restrict"] == "1",
    ),
]


def container(number: int) -> dict[str, Any]:
    """Return the facts of one container; every seventh is a careless one."""
    is_careless = number % 7 == 0
    mount = {"role": "volume", "read_only": False, "filesystem": "ext4", "sensitive": "none"}
    kernel = {"role": "kernelfs", "read_only": True, "filesystem": "sysfs", "sensitive": "none"}
    return {
        "key": f"{number:012x}",
        "name": f"service-{number}",
        "state": "running",
        "runtime": "docker",
        "image_id": f"sha256:{number % 10:064x}",
        "image_reference": f"example.org/app@sha256:{number:064x}",
        "capabilities": {
            "reachable": [*DEFAULT_CAPS, "CAP_SYS_ADMIN"] if is_careless else DEFAULT_CAPS,
            "inheritable": [],
        },
        "user_namespace": {"initial": True},
        "namespaces": {
            name: {"is_host": is_careless} for name in ("network", "pid", "ipc", "uts", "cgroup")
        },
        "ids": {"root_on_host": is_careless},
        "no_new_privileges": not is_careless,
        "root_filesystem": {"read_only": False},
        "seccomp": {"weakest_mode": 0 if is_careless else 2, "risky_allowed": ["clone3"]},
        "security_module": {"confined": True},
        "mounts": [dict(mount) for _ in range(8)] + [dict(kernel) for _ in range(6)],
        "runtime_sockets": [],
        "kernel_paths": dict.fromkeys(("/proc/kcore", "/proc/acpi", "/proc/keys"), "masked"),
        "processes": [
            {"command": "worker", "traced": False, "extra_capabilities": []} for _ in range(6)
        ],
        "limits": {
            "memory_limited": True,
            "pids_limited": True,
            "pids_max": 512,
            "io_max_set": False,
            "io_weight_set": True,
            "swap_limited": True,
            "swap_max_bytes": 0,
        },
        "usage": {"pids_peak_ratio": 0.25},
        "log": {"driver": "json-file", "rotates": True},
        "published_ports": [{"loopback": False, "container_port": 8_080}],
        "network": {"interfaces": [{"ipv6_disabled": False, "kind": "bridge"}]},
    }


def document(policy: Mapping[str, object]) -> dict[str, Any]:
    """Return a host with 50 containers."""
    return {
        "unknowns": [],
        "policy": policy,
        "host": {"name": "bench"},
        "kernel": {"sysctl": {"kernel.dmesg_restrict": "1"}},
        "images": [
            {"id": f"sha256:{number:064x}", "registry": "registry.example.org", "tags": []}
            for number in range(10)
        ],
        "runtimes": [{"key": "docker", "usage": {"event_gap_s_24h": 0}}],
        "pairs": [],
        "containers": [container(number) for number in range(CONTAINERS)],
    }


def filled(node: Mapping[str, Any], path: str, keys: Mapping[str, set[str]], dice: Random) -> Any:
    """Return a value for one node of the facts schema, with every field and key there is."""
    match node.get("type"):
        case "object":
            item = node.get("additionalProperties")
            if isinstance(item, Mapping):
                closed = node.get("propertyNames", {}).get("enum", ())
                names = sorted({*closed, *keys.get(path, ())})
                return {name: filled(item, f"{path}[]", keys, dice) for name in names}
            fields = node.get("properties", {})
            return {name: filled(one, f"{path}.{name}", keys, dice) for name, one in fields.items()}
        case "array":
            return [filled(node["items"], f"{path}[]", keys, dice) for _ in range(4)]
        case "boolean":
            return dice.random() < 0.5
        case "integer":
            return dice.randrange(4)
        case "number":
            return dice.random()
    return dice.choice(node.get("enum", ["0", "1", "y"]))


def whole_document(catalogue: Catalogue) -> dict[str, Any]:
    """Return a host on which every fact of the schema is known, with 50 running containers."""
    dice = Random(SEED)  # noqa: S311  (data for a measurement)
    keys: dict[str, set[str]] = {}
    for one in catalogue.checks.values():
        for path in one.facts:
            base, quote, rest = path.partition('["')
            if quote:
                keys.setdefault(f".{base}", set()).add(rest.removesuffix('"]'))
    fields = cast("Mapping[str, Any]", schema()["properties"])
    host = {name: filled(node, f".{name}", keys, dice) for name, node in fields.items()}
    one_container = fields["containers"]["items"]
    found = [filled(one_container, ".container", keys, dice) for _ in range(CONTAINERS)]
    for number, facts in enumerate(found):
        facts |= {"key": f"{number:012x}", "state": "running"}
    pairs = [filled(fields["pairs"]["items"], ".pair", keys, dice) for _ in range(PAIRS)]
    more = {"containers": found, "pairs": pairs, "policy": catalogue.policy, "unknowns": []}
    return {**host, **more}


def check(number: int, passes: str) -> Check:
    """Return a check about containers."""
    return Check(
        id=f"B-{number}",
        title="",
        area="",
        subarea="",
        layer="",
        mechanism="",
        target=TargetKind.CONTAINER,
        facts=(),
        passes=passes,
    )


def run_twins(facts: Mapping[str, Any]) -> list[list[Status]]:
    """Judge every container by every twin, as plain Python would."""
    answers: list[list[Status]] = []
    for _, twin in TWINS:
        column: list[Status] = []
        for one in facts["containers"]:
            try:
                column.append(Status.PASS if twin(one, facts) else Status.FAIL)
            except (LookupError, TypeError, ValueError):
                column.append(Status.UNKNOWN)
        answers.append(column)
    return answers


def milliseconds(work: Callable[[], object]) -> float:
    """Return the CPU time of one run."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1_000


def report(name: str, value: float, *, unit: str, budget: float) -> None:
    """Print one measured number with its budget."""
    line = {"name": name, "value": round(value, 3), "unit": unit, "budget": budget}
    print(json.dumps({**line, "ok": value <= budget}))


def main() -> None:
    """Measure and print."""
    catalogue = load_catalogue()
    types = TypeTree.from_schema(schema(), policy=catalogue.policy)
    facts = document(catalogue.policy)
    twins = Engine([check(*pair) for pair in enumerate(text for text, _ in TWINS)], types)
    same = [list(row.statuses) for row in twins.evaluate(facts).rows] == run_twins(facts)
    if not same:
        sys.exit("the engine and its twins disagree: nothing to measure")
    pairs = [
        (milliseconds(lambda: twins.evaluate(facts)), milliseconds(lambda: run_twins(facts)))
        for _ in range(ROUNDS)
    ]
    ratio = median(ours for ours, _ in pairs) / median(theirs for _, theirs in pairs)
    report(f"engine_ratio_to_python_{len(TWINS)}_checks", ratio, unit="times", budget=MAX_RATIO)
    compiled: list[Engine] = []
    checks = catalogue.checks.values()
    compile_ms = milliseconds(lambda: compiled.append(Engine(checks, types)))
    report(f"compile_{len(checks)}_checks", compile_ms, unit="ms", budget=MAX_COMPILE_MS)
    measure_host(compiled[0], whole_document(catalogue))


def measure_host(engine: Engine, host: Mapping[str, Any]) -> None:
    """Measure a whole host: all answers, then all failures and unknowns with evidence."""
    evaluation = engine.evaluate(host)
    answers = sum(evaluation.counts().values())
    judge = median(milliseconds(lambda: engine.evaluate(host)) for _ in range(9))
    report(
        f"judge_host_{CONTAINERS}_containers_{answers}_answers",
        judge,
        unit="ms",
        budget=MAX_JUDGE_MS,
    )
    found: list[object] = []
    explain = milliseconds(lambda: found.extend(evaluation.outcomes()))
    report(f"explain_one_of_{len(found)}", explain / len(found), unit="ms", budget=MAX_EXPLAIN_MS)


if __name__ == "__main__":
    main()
