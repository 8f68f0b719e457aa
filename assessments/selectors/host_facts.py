"""A host's facts as lines for a page. Facts are hostile: any value may have any type."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.selectors.printed import PrintedFacts

NAMESPACES: Final = ("pid", "mount", "network", "user", "ipc", "uts", "cgroup", "time")
GIB: Final = 1024**3
SECTIONS: Final = (
    "agent",
    "host",
    "kernel",
    "platform",
    "periphery",
    "network",
    "accounts",
    "logging",
    "resources",
    "runtimes",
    "images",
)
AGENT_LEVELS: Final = {
    "root": "reads everything as root",
    "ptrace": "runs without root, and may look into processes",
    "read-search": "runs without root, and may read all files",
    "unprivileged": "runs without any right of its own",
}


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of the facts that the agent could not read."""

    path: str
    reason: str
    needs: str
    count: int


@dataclass(frozen=True, slots=True)
class HostSummary:
    """What is printed of a host: lines per layer, the agent's rights, what it could not read."""

    lines: tuple[tuple[str, str], ...] = ()
    agent: str = ""
    agent_level: str = ""
    agent_digest: str = ""
    outside: tuple[str, ...] = ()
    failed: tuple[Missing, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def is_degraded(self) -> bool:
        """True when a right or a place would give more facts than were read."""
        wanting = any(item.needs for item in self.missing)
        return bool(self.failed or self.outside or wanting)

    @property
    def by_right(self) -> tuple[tuple[str, tuple[Missing, ...]], ...]:
        """What could not be read, by the right that would give it; without a known one last."""
        found: dict[str, list[Missing]] = {}
        for item in self.missing:
            found.setdefault(item.needs, []).append(item)
        ordered = sorted(found.items(), key=lambda pair: (not pair[0], -len(pair[1]), pair[0]))
        return tuple((needs, tuple(items)) for needs, items in ordered)


def summary_of(facts: PrintedFacts) -> HostSummary:
    """The printed lines of a host's facts; what is not known is left out."""
    document = facts.sections
    said = Counter(
        (text(item.get("path")), text(item.get("reason")), text(item.get("needs")))
        for item in facts.unknowns
        if item.get("needs") or item.get("errno")
    )
    missing = [Missing(*words, count) for words, count in said.items()]
    level = text(at(document, "agent.level"))
    initial = mapping(at(document, "agent.initial_namespaces"))
    return HostSummary(
        lines=tuple((name, words) for name, words in _lines(document) if words),
        agent=AGENT_LEVELS.get(level, ""),
        agent_level=level,
        agent_digest=text(at(document, "agent.binary_sha256")),
        outside=tuple(name for name in NAMESPACES if initial.get(name) is False),
        failed=tuple(item for item in missing if item.path in SECTIONS),
        missing=tuple(item for item in missing if item.path not in SECTIONS),
    )


def _lines(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Operating system", joined(at(document, "host.os.id"), at(document, "host.os.version"))),
        ("Kernel", _kernel(document)),
        ("Machine", _machine(document)),
        ("Cgroups", _cgroups(document)),
        ("Security modules", words(at(document, "kernel.security_modules.active"))),
        ("Lockdown", text(at(document, "kernel.lockdown"))),
        ("Runtimes", ", ".join(_runtime(item) for item in rows(document.get("runtimes")))),
        ("Agent", joined(at(document, "agent.version"), at(document, "agent.level"))),
    ]


def _kernel(document: Mapping[str, Any]) -> str:
    release = text(at(document, "kernel.release"))
    return f"Linux {release}" if release else ""


def _machine(document: Mapping[str, Any]) -> str:
    cpus = at(document, "platform.online_cpus")
    memory = at(document, "platform.memory.total_bytes")
    smt = at(document, "platform.smt.active")
    parts = [text(at(document, "platform.virtualisation"))]
    if is_number(cpus):
        parts.append(f"{cpus} CPUs")
    if is_number(memory):
        parts.append(f"{memory / GIB:.0f} GiB")
    if isinstance(smt, bool):
        parts.append("SMT on" if smt else "SMT off")
    return " · ".join(part for part in parts if part)


def _cgroups(document: Mapping[str, Any]) -> str:
    mode = text(at(document, "host.cgroup.mode"))
    controllers = words(at(document, "host.cgroup.controllers"))
    return " · ".join(part for part in (mode, controllers) if part)


def _runtime(item: Mapping[str, Any]) -> str:
    rootless = " rootless" if item.get("rootless") is True else ""
    return joined(item.get("kind"), item.get("version")) + rootless


def at(value: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def text(value: Any) -> str:
    """The value when it is text, else an empty string."""
    return value if isinstance(value, str) else ""


def words(value: Any) -> str:
    """The texts of a list, with commas."""
    return ", ".join(texts(value))


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def joined(*values: Any) -> str:
    """The texts among the values, with spaces."""
    return " ".join(text(value) for value in values if text(value))


def is_number(value: Any) -> bool:
    """True for a whole or fractional number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
