"""The same machine seen with fewer rights: less is known, why is said, and never more passes."""

import ctypes
from datetime import UTC, datetime
from typing import Any

import pytest
from underpin_agent.collection import collect

from agents.facts.collection import containers_of, sections_of
from agents.facts.document import build_document
from assessments.catalogue.loader import load_catalogue
from assessments.judging import judge
from tests.support import rights

CLONE_NEWNS, MS_NOSUID, MS_REC, MS_PRIVATE = 0x20000, 0x2, 0x4000, 0x40000
# About the mount of /proc itself, which really is another one for the agent of that level.
ON_HIDEPID = "SEG-PID-04"


def as_two_capabilities() -> Any:
    return rights.with_capabilities(collect, rights.DAC_READ_SEARCH, rights.SYS_PTRACE)


def as_nobody() -> Any:
    return rights.as_nobody(collect)


def as_nobody_with_hidden_processes() -> Any:
    """As on a host whose /proc is mounted with hidepid=2: others' processes are not even listed."""

    def hide_then_collect() -> Any:
        library = ctypes.CDLL(None, use_errno=True)
        rights.check(library.unshare(CLONE_NEWNS))
        rights.check(library.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        rights.check(library.mount(b"proc", b"/proc", b"proc", MS_NOSUID, b"hidepid=2"))
        return rights.as_nobody(collect)

    return rights.as_root(hide_then_collect)


LEVELS = {
    "ptrace": as_two_capabilities,
    "unprivileged": as_nobody,
    "hidden": as_nobody_with_hidden_processes,
}


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """One collection per level of rights, and as root."""
    return {"root": collect(), **{name: work() for name, work in LEVELS.items()}}


def document_of(collection: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(tz=UTC)
    return build_document(
        sections=sections_of(collection),
        containers=containers_of(collection),
        policy=load_catalogue().policy,
        now=now,
        collected_at=now,
    )


def statuses(collection: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Status by check and target."""
    results = judge(document_of(collection), load_catalogue()).results
    return {(row.check_id, row.target.key): row.status.value for row in results}


@pytest.mark.parametrize("level", LEVELS)
def test_with_fewer_rights_less_is_known_and_nothing_more_passes(
    seen: dict[str, Any], level: str
) -> None:
    full, little = statuses(seen["root"]), statuses(seen[level])
    both = {key for key in full.keys() & little.keys() if key[0] != ON_HIDEPID}
    assert both, "the host itself is judged either way"
    # A check that does not apply may pass when the reason why it does not apply is not visible.
    weak = {"fail", "unknown"}
    passed_more = [key for key in both if little[key] == "pass" and full[key] in weak]
    assert passed_more == []
    unknown = [sum(one[key] == "unknown" for key in both) for one in (full, little)]
    assert unknown[1] > unknown[0]


@pytest.mark.parametrize("level", LEVELS)
def test_the_agent_says_which_rights_it_has(seen: dict[str, Any], level: str) -> None:
    facts = seen[level]["sections"]["agent"]["facts"]
    assert facts["level"] == {"hidden": "unprivileged"}.get(level, level)
    assert facts["effective_uid"] == rights.NOBODY


def leaves(value: Any, path: str = "") -> set[str]:
    """Paths of all values; items of lists as ``[]``."""
    if isinstance(value, dict):
        return {one for key, inner in value.items() for one in leaves(inner, f"{path}.{key}")}
    if isinstance(value, list):
        return {path}.union(*(leaves(inner, f"{path}[]") for inner in value))
    return {path}


@pytest.mark.parametrize("level", LEVELS)
def test_what_root_knows_of_the_host_and_others_do_not_has_a_reason(
    seen: dict[str, Any], level: str
) -> None:
    silent = []
    for name, full in seen["root"]["sections"].items():
        if name == "agent":
            continue  # who collected: another agent, no missing fact
        little = seen[level]["sections"][name]
        reasons = [entry["path"] for entry in little["unknowns"]]
        for path in leaves(full["facts"], name) - leaves(little["facts"], name):
            said = path.replace(".items", "", 1)
            covered = any(said == one or said.startswith((one + ".", one + "[")) for one in reasons)
            if not covered:
                silent.append(said)
    assert silent == []


def test_hidden_processes_are_not_taken_for_none(seen: dict[str, Any]) -> None:
    """Engines, daemons and containers that are not seen may run (proc(5), hidepid=)."""
    sections = seen["hidden"]["sections"]
    paths = {entry["path"] for one in sections.values() for entry in one["unknowns"]}
    assert {"containers", "runtimes", "images", "resources.pressure_killer"} <= paths
    assert {"resources.filesystems", "accounts.ssh_server.running"} <= paths
    devices = sections["periphery"]["facts"]["block_devices"]
    assert not [row for row in devices if row.get("backs_containers") is False]
