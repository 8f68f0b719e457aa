"""The findings in detail: one block per check, equal observations of several targets together."""

from typing import Any, Final

from assessments.reports import charts
from assessments.reports.printable import line, paragraph

_EVIDENCE_SHOWN: Final = 24
_STEPS_SHOWN: Final = 24
# A block or case with more data than this may break over pages: it could be longer than one.
_WHOLE_BLOCK_CHARACTERS: Final = 2_200
_WHOLE_CASE_CHARACTERS: Final = 1_800
_SCHEMES: Final = ("https://", "http://", "mailto:")

Plain = dict[str, Any]
"""A JSON object of the dataset or of the view; it does not leave the child process."""


def checks_in_detail(findings: list[Plain]) -> list[Plain]:
    """One block per check; inside it, targets with the same level, steps and evidence together."""
    by_check: dict[str, list[Plain]] = {}
    for finding in findings:
        by_check.setdefault(finding["check_id"], []).append(finding)
    return [_check_in_detail(check_id, members) for check_id, members in by_check.items()]


def _check_in_detail(check_id: str, findings: list[Plain]) -> Plain:
    worst = findings[0]
    cases: dict[str, list[Plain]] = {}
    for finding in findings:
        key = repr((finding["likelihood"], finding["impact"], finding["level"], finding["steps"]))
        cases.setdefault(key + repr(finding["evidence"]), []).append(finding)
    printed = {
        "id": line(check_id, limit=24),
        "title": printed_title(worst),
        "level": worst["level"],
        "placed": charts.place_of(worst),
        "why": paragraph(worst["why"]),
        "measure": _measure(worst["remediation"]),
        "remediation": [_remediation(item) for item in worst["remediation"]],
        "references": [_reference(item) for item in worst["references"]],
        "targets": len(findings),
        "cases": [_case(members) for members in cases.values()],
    }
    return printed | {"is_long": len(repr(printed)) > _WHOLE_BLOCK_CHARACTERS}


def _measure(remediation: list[Plain]) -> str:
    """The general measure, else the first; for one cell of a table."""
    general = [item for item in remediation if item["runtime"] == "general"]
    chosen = (general or remediation)[:1]
    return line(chosen[0]["text"], limit=200) if chosen else ""


def _case(findings: list[Plain]) -> Plain:
    """What was observed in the same way on one or more targets."""
    first = findings[0]
    shown = first["evidence"][:_EVIDENCE_SHOWN]
    expected = {item["expected"] for item in shown}
    printed = {
        "level": first["level"],
        "likelihood": first["likelihood"],
        "impact": first["impact"],
        "base_likelihood": first["base_likelihood"],
        "base_impact": first["base_impact"],
        "steps": [_step(item) for item in first["steps"][:_STEPS_SHOWN]],
        "evidence": [_evidence(item) for item in shown],
        "evidence_hidden": len(first["evidence"]) - len(shown),
        # A condition over several facts is expected of all of them together: print it once.
        "expected_of_all": _expected(shown[0]) if len(shown) > 1 and len(expected) == 1 else "",
        "targets": [
            {
                "id": line(finding["id"], limit=48),
                "host": line(finding["host"], limit=64),
                "target": printed_target(finding),
                "container_id": _short_ids(finding["container_id"]),
                "first_seen": line(finding["first_seen"][:10]),
            }
            for finding in findings
        ],
    }
    return printed | {"is_long": len(repr(printed)) > _WHOLE_CASE_CHARACTERS}


def _step(item: Plain) -> Plain:
    return {
        "quantity": line(item["quantity"], limit=24),
        "change": item["change"],
        "because": paragraph(item["because"], limit=300),
    }


def _remediation(item: Plain) -> Plain:
    return {"runtime": line(item["runtime"], limit=24), "text": paragraph(item["text"])}


def _evidence(item: Plain) -> Plain:
    return {
        "path": line(item["path"]),
        "observed": paragraph(item["observed"], limit=600) or "(empty)",
        "expected": _expected(item),
    }


def _expected(item: Plain) -> str:
    return paragraph(item["expected"], limit=300)


def _reference(item: Plain) -> Plain:
    """Only web and mail addresses become links; anything else would be a way to a file."""
    url = item["url"]
    is_link = url.startswith(_SCHEMES) and url.isascii() and url.isprintable() and len(url) < 2000
    return {
        "source": line(charts.reference_title(item["source"])),
        "items": line(", ".join(item["items"]), limit=300),
        "url": url if is_link else "",
        "shown": line(url, limit=300),
    }


def _short_ids(container_ids: str) -> str:
    """Container ids as runtimes print them, 12 characters each; a pair has two."""
    return line(", ".join(one[:12] for one in container_ids.split(", ")[:4]))


def printed_title(finding: Plain) -> str:
    return line(finding["title"]) or line(finding["check_id"]) or "Check without a title"


def printed_target(finding: Plain) -> str:
    """The target beside its host; empty for the host itself."""
    if finding["target_kind"] == "host":
        return ""
    name = finding["target_name"] or finding["container_id"]
    return line(f"{finding['target_kind']} {name}", limit=64)
