"""What the template prints: the dataset with printable text, cut lengths, groups and figures.

The dataset itself is attached to the PDF unchanged; only the printed view is cut.
"""

from collections import Counter, defaultdict
from typing import Any, Final

from assessments.reports import charts
from assessments.reports.details import (
    Plain,
    checks_in_detail,
    printed_target,
    printed_title,
)
from assessments.reports.printable import line, paragraph

REGISTER_LIMIT: Final = 3_000
DETAIL_LIMIT: Final = 1_000
"""Findings printed in detail once there are more than REGISTER_LIMIT of them."""

_LIST_SHOWN: Final = 60
_HOSTS_SHOWN: Final = 2_000


def view_of(dataset: Plain, *, digest: str) -> Plain:
    """The template's data for the parsed canonical dataset, whose SHA-256 is `digest`."""
    findings = dataset["findings"]
    detailed = findings if len(findings) <= REGISTER_LIMIT else findings[:DETAIL_LIMIT]
    places = {code: n for n, code in enumerate(dict.fromkeys(f["check_id"] for f in detailed))}
    return {
        "control": _control(dataset["control"], digest),
        "summary": _cleaned(dataset["summary"]),
        "areas": _areas(dataset, places),
        "register": _register(findings[:REGISTER_LIMIT], places),
        "checks": checks_in_detail(detailed),
        "counts": {
            "findings": len(findings),
            "registered": min(len(findings), REGISTER_LIMIT),
            "detailed": len(detailed),
            "hosts": len(dataset["hosts"]),
            "hosts_shown": min(len(dataset["hosts"]), _HOSTS_SHOWN),
        },
        "hosts": [_host(host) for host in dataset["hosts"][:_HOSTS_SHOWN]],
        "not_assessed": [_gap(gap) for gap in dataset["not_assessed"]],
        "good": _cleaned(dataset["good"]),
        "method": _cleaned(dataset["method"]),
        "limits": _cleaned(dataset["limits"]),
        "figures": charts.figures_of(dataset),
    }


def _cleaned(value: Any) -> Any:
    """The value with every string printable."""
    if isinstance(value, str):
        return paragraph(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return value


def _control(control: Plain, digest: str) -> Plain:
    printed = {key: line(value, limit=300) for key, value in control.items()}
    printed["title"] = printed["title"] or "Risk assessment report"
    printed["dataset_digest"] = digest
    return printed


def _host(host: Plain) -> Plain:
    named = ("name", "operating_system", "kernel", "agent_privilege")
    return host | {key: line(host[key], limit=64) for key in named}


def _areas(dataset: Plain, places: dict[str, int]) -> list[Plain]:
    """Per area its posture and its failing checks, each check with its worst level and targets."""
    by_area: defaultdict[str, list[Plain]] = defaultdict(list)
    for finding in dataset["findings"]:
        by_area[finding["area"]].append(finding)
    postures = {area["code"]: area for area in dataset["summary"]["areas"]}
    return [
        {
            "name": line(charts.area_title(code)),
            "posture": _cleaned(postures.get(code)),
            "findings": len(by_area[code]),
            "level": max((finding["level"] for finding in by_area[code]), default=0),
            "checks": _failing_checks(by_area[code], places),
        }
        for code in charts.areas_in_order([*postures, *by_area])
    ]


def _failing_checks(findings: list[Plain], places: dict[str, int]) -> list[Plain]:
    """`findings` are ordered worst first, so the first of a check is its worst."""
    worst: dict[str, Plain] = {}
    targets: Counter[str] = Counter()
    for finding in findings:
        worst.setdefault(finding["check_id"], finding)
        targets[finding["check_id"]] += 1
    return [
        {
            "place": places.get(check_id, -1),
            "id": line(check_id, limit=24),
            "title": printed_title(finding),
            "level": finding["level"],
            "targets": targets[check_id],
        }
        for check_id, finding in worst.items()
    ]


def _register(findings: list[Plain], places: dict[str, int]) -> list[Plain]:
    """One row per check and score, with the finding and target of each host; worst first.

    `places` tells at which place of the details a check is; -1 says that it is not there.
    """
    rows: dict[tuple[Any, ...], list[Plain]] = {}
    for finding in findings:
        score = (finding["level"], finding["likelihood"], finding["impact"])
        rows.setdefault((*score, finding["check_id"]), []).append(finding)
    return [_register_row(members, places) for members in rows.values()]


def _register_row(findings: list[Plain], places: dict[str, int]) -> Plain:
    first = findings[0]
    hosts: dict[str, list[Plain]] = {}
    for finding in findings:
        named = {"id": line(finding["id"], limit=48), "target": printed_target(finding)}
        hosts.setdefault(finding["host"], []).append(named)
    return {
        "place": places.get(first["check_id"], -1),
        "check": line(first["check_id"], limit=24),
        "level": first["level"],
        "title": printed_title(first),
        "likelihood": first["likelihood"],
        "impact": first["impact"],
        "hosts": [{"name": line(host, limit=64), "found": found} for host, found in hosts.items()],
    }


def _gap(gap: Plain) -> Plain:
    return {
        "reason": line(gap["reason"], limit=200) or "no reason given",
        "needs": line(gap["needs"], limit=200),
        "results": gap["results"],
        "checks": _listed(gap["checks"]),
        "check_count": len(gap["checks"]),
        "targets": _listed(gap["targets"]),
        "target_count": len(gap["targets"]),
    }


def _listed(names: list[str]) -> str:
    shown = ", ".join(line(name, limit=64) for name in names[:_LIST_SHOWN])
    hidden = len(names) - _LIST_SHOWN
    return f"{shown} and {hidden} more" if hidden > 0 else shown
