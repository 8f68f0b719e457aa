"""All collectors on the machine the tests run on: shape, the kinds of no value, cost."""

import json
import re
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from underpin_agent.collection import build_context, collect_sections
from underpin_agent.collectors import COLLECTORS
from underpin_agent.reading import Host

SCHEMA = Path(__file__).parents[2] / "agents" / "facts" / "facts.schema.json"
LISTS = ("runtimes", "images")
# Rows the server adds, samples and opt-in scans: no part of these sections.
NOT_OURS = re.compile(
    r"kernel\.known_escapes|ssh_keys\[\]\.(age_days|shared_by)|last_login_days|commitments"
    r"|runtimes\[\]\.(usage|history|known_escapes|principal_count|tls\.days_left)"
    r"|images\[\]\.(login_files|age_days)|container_count"
)


@pytest.fixture(scope="module")
def bodies():
    return collect_sections(build_context(org_salt=b"test"))


@pytest.fixture(scope="module")
def document(bodies):
    """The facts document of these sections alone."""
    found = {"schema": "underpin/facts/1", "unknowns": []}
    for name, one in bodies.items():
        found[name] = one["facts"]["items"] if name in LISTS else one["facts"]
        found["unknowns"] += one["unknowns"]
    return found


def test_every_section_is_collected_and_none_fails(bodies):
    assert list(bodies) == list(COLLECTORS)
    assert not [name for name, one in bodies.items() if "error" in one]


def test_the_document_has_the_agreed_shape(document):
    schema = json.loads(SCHEMA.read_text())
    errors = [
        f"{e.json_path}: {e.message}" for e in Draft202012Validator(schema).iter_errors(document)
    ]
    assert errors == []


def names_of(schema, path):
    """Paths of the leaves of a schema; lists of objects as ``[]``, free maps as one leaf."""
    if schema.get("type") == "object" and "properties" in schema:
        for key, inner in schema["properties"].items():
            yield from names_of(inner, f"{path}.{key}")
    elif schema.get("type") == "array" and schema["items"].get("type") == "object":
        yield from names_of(schema["items"], path + "[]")
    else:
        yield path


def has(document, path):
    """Whether every row on the way holds the leaf; a list without rows holds it."""
    here = [document]
    for part in path.replace("[]", ".[]").split("."):
        if part == "[]":
            here = [row for rows in here for row in rows]
        else:
            if any(part not in one for one in here):
                return False
            here = [one[part] for one in here]
    return True


def test_each_row_of_the_tables_is_a_value_or_a_reason(document):
    """Rule 2 of the facts: what is left out says why, by its own path or a prefix of it."""
    schema = json.loads(SCHEMA.read_text())
    reasons = [row["path"] for row in document["unknowns"]]
    silent = []
    for section in COLLECTORS:
        for path in names_of(schema["properties"][section], section):
            explained = any(path == r or path.startswith((r + ".", r + "[")) for r in reasons)
            if not NOT_OURS.search(path) and not explained and not has(document, path):
                silent.append(path)
    assert silent == []


def test_there_is_never_a_null(bodies):
    assert "null" not in re.sub(r'"[^"]*"', "", json.dumps(bodies))


def test_a_second_collection_has_equal_bytes(bodies):
    again = collect_sections(build_context(org_salt=b"test"), {"kernel", "platform", "agent"})
    for name, one in again.items():
        assert one == bodies[name]


def test_a_machine_that_shows_nothing_fails_no_collector(tmp_path):
    """Below an empty root every section ends in reasons, never in an exception."""
    (tmp_path / "proc").mkdir()
    context = build_context(str(tmp_path), b"test")
    for name, collector in COLLECTORS.items():
        found = collector(context).as_body()
        assert found["unknowns"] or name in ("agent", *LISTS), name


def test_all_host_sections_cost_little(bodies):
    """The goal is 60 ms of CPU; the bound leaves room for a busy machine."""
    costs = []
    for _ in range(3):
        context = build_context(org_salt=b"test")
        started = time.process_time()
        collect_sections(context)
        costs.append(time.process_time() - started)
    assert min(costs) < 0.15


def test_the_engine_kept_beside_the_host_is_of_this_collection_only():
    first, second = build_context(), build_context()
    assert first.host is not second.host
    assert isinstance(first.host, Host)
