"""The same machine seen with and without rights: less is known, and never more passes."""

import json
import os
from datetime import UTC, datetime
from typing import Any

from underpin_agent.collection import collect

from agents.facts.collection import containers_of, sections_of
from agents.facts.document import build_document
from assessments.catalogue.loader import load_catalogue
from assessments.judging import judge

NOBODY = 65534


def collected_as_nobody() -> dict[str, Any]:
    """What the agent sees as an ordinary user; a forked child gives its rights away."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            with os.fdopen(writing, "w") as pipe:
                json.dump(collect(), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(text)
    return found


def statuses(collection: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Status by check and target."""
    now, catalogue = datetime.now(tz=UTC), load_catalogue()
    document = build_document(
        sections=sections_of(collection),
        containers=containers_of(collection),
        policy=catalogue.policy,
        now=now,
        collected_at=now,
    )
    results = judge(document, catalogue).results
    return {(row.check_id, row.target.key): row.status.value for row in results}


def test_without_rights_less_is_known_and_nothing_more_passes() -> None:
    full, little = statuses(collect()), statuses(collected_as_nobody())
    both = full.keys() & little.keys()
    assert both, "the host itself is judged either way"
    # A check that does not apply may pass when the reason why it does not apply is not visible.
    weak = {"fail", "unknown"}
    passed_more = [key for key in both if little[key] == "pass" and full[key] in weak]
    assert passed_more == []
    unknown = [sum(status == "unknown" for status in seen.values()) for seen in (full, little)]
    assert unknown[1] > unknown[0]
