"""The fact document of one host: everything the judge may read, and why the rest is unknown."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agents.facts.containers import ContainerPart, complete_containers, is_live, merge_container
from agents.facts.dates import rfc3339
from agents.facts.host_values import complete_host
from agents.facts.pairs import build_pairs
from agents.facts.reading import Facts
from agents.facts.samples import HostSamples
from agents.facts.sections import SECTIONS, section_facts
from agents.facts.unknowns import Unknowns
from agents.facts.usage import add_usage

# Values of the server that need samples, events, answers or tables.
NOT_YET: tuple[tuple[str, str], ...] = (
    ("runtimes[].usage", "clients and events of runtimes are not sampled yet"),
    ("history", "no access events recorded yet"),
    ("containers[].history", "no access events recorded yet"),
    ("runtimes[].history", "no access events recorded yet"),
    ("accounts.runtime_principals[].last_login_days", "no login events recorded yet"),
    ("accounts.ssh_keys[].age_days", "first sight of keys is not recorded yet"),
    ("accounts.ssh_keys[].shared_by", "keys are not compared between hosts yet"),
    ("attestation", "not answered"),
    ("kernel.known_escapes", "no table of fixed versions"),
    ("runtimes[].known_escapes", "no table of fixed versions"),
)


def build_document(
    *,
    sections: Mapping[str, Facts],
    containers: Sequence[ContainerPart],
    policy: Mapping[str, object],
    now: datetime,
    collected_at: datetime,
    assignments: Mapping[str, Mapping[str, str]] | None = None,
    samples: HostSamples | None = None,
) -> dict[str, Any]:
    """Merge what a host sent and add what the server computes.

    A section that is missing or failed is left out of the document, so that nothing about
    it is known; `unknowns` says why. `containers` of the result holds running and paused
    ones. `assignments` maps a container key to its labels (criticality, sensitivity, owner);
    `samples` is what the host consumed lately.
    The bodies passed in are not changed.
    """
    unknowns = Unknowns()
    document: dict[str, Any] = {
        "schema": "underpin/facts/1",
        "collected_at": rfc3339(collected_at),
        "usage": {},
        "history": {},
        "attestation": {},
        "policy": dict(policy),
        "quality": [],
    }
    for name in SECTIONS:
        facts = section_facts(name, sections.get(name), unknowns=unknowns)
        if facts is not None:
            document[name] = facts
    if "host" not in document:
        unknowns.add("containers", "the agent could not look at the host")
    for path, reason in NOT_YET:
        unknowns.add(path, reason)
    merged = [merge_container(part, unknowns=unknowns) for part in containers]
    live = [container for container in merged if is_live(container)]
    complete_containers(live, document, now=now, assignments=assignments or {}, unknowns=unknowns)
    document["usage"] = add_usage(document, live, samples or HostSamples(), unknowns=unknowns)
    document["containers"] = live
    if reason := unknowns.reason_for("containers"):
        unknowns.add("pairs", reason)
    document["pairs"] = build_pairs(live, document, unknowns=unknowns)
    complete_host(document, live, now=now, unknowns=unknowns)
    document["unknowns"] = unknowns.entries
    document["unknowns_by_container"] = unknowns.of("container")
    return document
