"""Everything from a host is hostile: wrong types and forged values never raise or pass through."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.facts.containers import ContainerPart
from agents.facts.document import build_document
from agents.facts.schema import container_fields
from tests.unit.facts.sample_documents import NOW, load, parts_of, sections_of

VALUES = st.sampled_from(
    [None, True, 0, -1, 2**70, 1.5, "", "x" * 30, "9" * 5000, [], [[]], [None], {}, {"a": 1}, [{}]]
)
FIELDS = sorted(container_fields("container.identity") | container_fields("container.posture"))


def built(**parts: Any) -> dict[str, Any]:
    return build_document(
        **{
            "sections": {},
            "containers": [],
            "policy": {},
            "now": NOW,
            "collected_at": NOW,
            **parts,
        }
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6))
def test_no_container_body_raises(forged: dict[str, Any]) -> None:
    parts = [
        ContainerPart(
            part.key,
            {"facts": {**part.identity["facts"], **forged}, "unknowns": []},
            {"facts": {**part.posture["facts"], **forged}, "unknowns": []},
        )
        for part in parts_of(load("hardened"))
    ]
    document = built(sections=sections_of(load("hardened")), containers=parts)
    assert len(document["containers"]) <= 3


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(["kernel", "platform", "network", "resources", "runtimes", "images"]),
    st.dictionaries(
        st.sampled_from(
            ["facts", "unknowns", "items", "bridges", "sysctl", "cpus", "memory", "balloon"]
        ),
        VALUES,
    ),
)
def test_no_section_body_raises(name: str, forged: dict[str, Any]) -> None:
    containers = parts_of(load("hardened"))
    for body in (forged, {"facts": forged, "unknowns": []}):
        sections = {**sections_of(load("hardened")), name: body}
        assert "containers" in built(sections=sections, containers=containers)


def test_a_host_cannot_send_what_the_server_computes() -> None:
    sample = load("as-found")
    sections = sections_of(sample)
    for rows in (sections["images"]["facts"]["items"], sections["runtimes"]["facts"]["items"]):
        rows[0].update(age_days=0, principal_count=0, history={}, usage={}, known_escapes=[])
    sections["network"]["facts"]["bridges"][0]["container_count"] = 0
    sections["kernel"]["facts"]["known_escapes"] = []
    part = parts_of(sample)[0]
    forged = {**part.posture["facts"], "walls": 7, "assignment": {"sensitivity": "low"}}
    parts = [ContainerPart(part.key, part.identity, {"facts": forged, "unknowns": []})]
    document = built(sections=sections, containers=parts)
    (container,) = document["containers"]
    assert container["walls"] == 0
    assert container["assignment"] == {}
    assert document["images"][0]["age_days"] == 418
    assert document["network"]["bridges"][0]["container_count"] == 1
    assert "known_escapes" not in document["kernel"]
    assert not document["runtimes"][0].keys() & {"usage", "history", "known_escapes"}


def test_the_key_is_the_one_the_server_stored() -> None:
    part = ContainerPart("c1", {"facts": {"key": "other"}}, {"facts": {}})
    (container,) = built(containers=[part])["containers"]
    assert container["key"] == "c1"


def test_bodies_passed_in_are_not_changed() -> None:
    sample = load("as-found")
    sections, parts = sections_of(sample), parts_of(sample)
    before = repr((sections, parts))
    built(sections=sections, containers=parts)
    assert repr((sections, parts)) == before


def test_a_host_with_very_many_containers_is_cut_and_says_so() -> None:
    part = parts_of(load("hardened"))[0]
    parts = [ContainerPart(f"{n:012x}", part.identity, {"facts": {}}) for n in range(260)]
    document = built(containers=parts)
    assert len(document["pairs"]) == 250 * 249 // 2
    assert any(
        each["path"] == "pairs" and each["reason"] == "truncated" for each in document["unknowns"]
    )
