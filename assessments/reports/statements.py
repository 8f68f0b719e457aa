"""The sentences that the report makes from its numbers."""

from collections.abc import Sequence

from assessments.figures.names import level_word
from assessments.reports.dataset import Finding, HostRow, Summary


def headline(findings: Sequence[Finding], *, hosts: int) -> str:
    """The worst thing in one plain sentence. `findings` are ordered worst first."""
    if not hosts and not findings:
        return "No host has reported: nothing was assessed"
    if not findings:
        return f"No check fails on the {counted(hosts, 'host')} assessed"
    worst = findings[0]
    others = _also_failing(worst, findings)
    return (
        f"{level_word(worst.level)} risk on {where(worst)}{others}: “{worst.title}” does not hold"
    )


def explanation(findings: Sequence[Finding], *, hosts: int, undecided: int) -> str:
    """The sentences under the headline: why it matters, how much there is, what is not known."""
    sentences = []
    if findings:
        severe = sum(1 for finding in findings if finding.level >= 4)
        sentences.append(findings[0].why)
        sentences.append(
            f"In all there {_are(len(findings))} {counted(len(findings), 'finding')} on "
            f"{counted(hosts, 'host')}; {severe or 'none'} of them "
            f"{'is' if severe == 1 else 'are'} High or Very high."
        )
    if undecided:
        sentences.append(
            f"{counted(undecided, 'result')} could not be decided and {_are(undecided)} "
            "not counted as passing; the reasons are listed."
        )
    return " ".join(sentences)


def where(finding: Finding) -> str:
    """The target in words: "container web on host-1", or "host host-1"."""
    if finding.target_kind == "host":
        return f"host {finding.host}"
    name = finding.target_name or finding.container_id
    return f"{finding.target_kind} {name} on {finding.host}"


def limits(summary: Summary, rows: Sequence[HostRow]) -> tuple[str, ...]:
    """What this report cannot say, general limits first, then those of these hosts."""
    general = (
        (
            "The report describes the facts as they were when they were read. A setting changed "
            "afterwards is not seen here."
        ),
        (
            "Facts come from the agent on the host. A host whose kernel an attacker controls can "
            "report what the attacker likes."
        ),
        (
            "Checks cover the layer below containers: namespaces, cgroups, capabilities, filters, "
            "mounts, devices, kernel, platform, periphery. Faults in application code are outside."
        ),
    )
    return (*general, *_limits_of_hosts(summary, rows))


def counted(number: int, noun: str) -> str:
    """ "1 host", "2 hosts"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _limits_of_hosts(summary: Summary, rows: Sequence[HostRow]) -> list[str]:
    found = []
    if summary.undecided:
        found.append(
            f"{counted(summary.undecided, 'result')} could not be decided. What they hide is not "
            "known; each reason and what would remove it is listed in this report."
        )
    restricted = [row.name for row in rows if row.agent_privilege not in {"", "root", "full"}]
    if restricted:
        found.append(
            f"The agent had less than full rights on {counted(len(restricted), 'host')}; "
            "facts that need more rights are missing there."
        )
    never = sum(1 for row in rows if not row.last_seen)
    if never:
        found.append(f"{counted(never, 'host')} in scope never reported.")
    return found


def _also_failing(worst: Finding, findings: Sequence[Finding]) -> str:
    same = sum(
        1 for item in findings if item.check_id == worst.check_id and item.level == worst.level
    )
    return f" and {counted(same - 1, 'other target')}" if same > 1 else ""


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
