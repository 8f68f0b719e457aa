"""Who provides each path of the facts schema, and that the agent's part is provided for real.

A path that the agent owns must stand in one of the golden hosts with a value, or be proven by a
named test: what only a kernel or an engine that really runs can show. A path that nobody provides
yet is listed with its reason, so that the list can only shrink.
"""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "agents" / "facts" / "facts.schema.json").read_text())
GOLDEN = sorted((Path(__file__).parent / "hosts" / "golden").glob("*.json"))
LISTS = ("runtimes", "images")

# By the first pattern that fits, else by the section: the tables of the facts say who.
SERVER = re.compile(
    r"^(?:pairs|policy|schema|collected_at|unknowns|quality|history)\b|known_escapes|commitments"
    r"|\.history\.|\.age_days$|\.shared_by$|last_login_days|principal_count|tls\.days_left"
    r"|network\.bridges\[\]\.container_count|\.(?:forks_z|log_days_to_full)$"
)
SAMPLES = re.compile(r"^usage\.|\.usage\.")
SERVER_SECTIONS = {"container.server", "pairs", "history", "document"}

ENTERED = "test_network.py::test_a_namespace_is_read_from_inside_and_left_again"
# Proven by a test on a real kernel or a real engine; a prefix stands for all below it.
ELSEWHERE = {
    "agent": "test_without_rights.py::test_the_agent_says_which_rights_it_has",
    "network.firewall": "test_collect_network.py",
    "network.bridges[].inter_container": "test_collect_network.py",
    "network.bridges[].network": "test_collect_network.py",
    "network.bridges[].internal": "test_collect_network.py",
    "network.overlays[].encrypted": "test_collect_network.py",
    "network.encryption.ipsec_associations": "test_collect_network.py",
    "accounts.automatic_blocking": "test_collect_accounts.py::test_a_blocker_that_runs_counts",
    "logging.audit": "test_collect_logging.py",
    "logging.clock.synchronised": "test_collect_logging.py",
    "runtimes[].version": "test_collect_runtimes.py::test_answers_of_the_engine",
    "runtimes[].components": "test_collect_runtimes.py::test_answers_of_the_engine",
    "runtimes[].default_seccomp": "test_collect_runtimes.py::test_answers_of_the_engine",
    "runtimes[].live_restore": "test_collect_runtimes.py::test_answers_of_the_engine",
    "runtimes[].swarm": "test_collect_runtimes.py::test_answers_of_the_engine",
    "runtimes[].storage_driver": "test_collect_runtimes.py::test_answers_of_the_engine",
    "runtimes[].oci_runtimes": "test_collect_runtimes.py::test_answers_of_the_engine",
    "runtimes[].config_drift": "test_collect_runtimes.py",
    "runtimes[].tls": "test_collect_runtimes.py",
    "runtimes[].attribution_methods": "test_collect_runtimes.py",
    "containers[].network_namespace_owner_initial": "test_docker.py",
    "containers[].network.interfaces": ENTERED,
    "containers[].network.attachments": "test_network.py::test_a_claimed_link_is_one_attachment",
    "containers[].network.sysctl": ENTERED,
}
NOT_YET = {
    "containers[].published_ports[].tls": "the opt-in probe is not built",
    "containers[].network.listening[].tls": "the opt-in probe is not built",
    "containers[].finished_at": "ended containers are not sent",
    "logging.files[].shrunk": "needs 24 h of watching by one agent",
}


def leaves(schema, path="", section=""):
    """``(path, section)`` of every leaf; lists of objects as ``[]``, free maps as one leaf."""
    section = schema.get("x-section", section)
    if schema.get("type") == "object" and "properties" in schema:
        for key, inner in schema["properties"].items():
            yield from leaves(inner, f"{path}.{key}" if path else key, section)
    elif schema.get("type") == "array" and schema["items"].get("type") == "object":
        yield from leaves(schema["items"], path + "[]", section)
    else:
        yield path, section


PATHS = dict(leaves(SCHEMA))


def provider(path, section):
    """``agent``, ``samples``, ``attestation``, ``server`` or ``not yet``."""
    if under(path, NOT_YET):
        return "not yet"
    if SAMPLES.search(path):
        return "samples"
    if section == "attestation" or path.startswith("attestation"):
        return "attestation"
    return "server" if section in SERVER_SECTIONS or SERVER.search(path) else "agent"


def under(path, table):
    """The entry of ``table`` that names ``path`` or what it lies below, or None."""
    for one in table:
        if path == one or path.startswith((one + ".", one + "[")):
            return one
    return None


def values(value, path):
    """Paths of everything that stands in a document."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from values(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from values(inner, path + "[]")


@pytest.fixture(scope="module")
def collected():
    """Paths with a value in any golden host."""
    found = set()
    for golden in GOLDEN:
        document = json.loads(golden.read_text())
        for name, body in document["sections"].items():
            facts = body["facts"]["items"] if name in LISTS else body["facts"]
            found.update(values(facts, name))
        for row in document["containers"]:
            for part in ("identity", "posture"):
                found.update(values(row[part]["facts"], "containers[]"))
    return found


def test_every_path_has_one_provider():
    found = {provider(path, section) for path, section in PATHS.items()}
    assert found == {"agent", "samples", "attestation", "server", "not yet"}


def test_every_path_of_the_agent_is_provided(collected):
    mine = [path for path, section in PATHS.items() if provider(path, section) == "agent"]
    assert len(mine) > 400
    missing = [path for path in mine if path not in collected and not under(path, ELSEWHERE)]
    assert missing == []


def test_no_exception_is_kept_that_is_not_needed(collected):
    for table in (ELSEWHERE, NOT_YET):
        for entry in table:
            covered = [path for path in PATHS if under(path, {entry})]
            assert covered, f"{entry} is no path of the schema"
            assert any(path not in collected for path in covered), f"{entry} is collected by now"


def test_the_agent_sends_nothing_that_the_schema_does_not_know(collected):
    """Ingest ignores unknown fields: a misspelt one would be lost in silence."""
    known = set(PATHS)
    for path in PATHS:
        parts = path.split(".")
        above = [".".join(parts[:count]) for count in range(1, len(parts))]
        known.update(above, (one.removesuffix("[]") for one in above))
    maps = tuple(path + "." for path in PATHS)
    strange = [
        path
        for path in sorted(collected)
        if path.removesuffix("[]") not in known and path not in known and not path.startswith(maps)
    ]
    assert strange == []


@pytest.mark.parametrize("node", sorted(set(ELSEWHERE.values())))
def test_the_named_proof_exists(node):
    file, _, name = node.partition("::")
    tree = ast.parse((Path(__file__).parent / file).read_text())
    names = {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
    assert name in names or (not name and any(one.startswith("test_") for one in names))
