"""What the pages say: true to the facts, unknown never a pass, every figure leading to its list."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db.models import Max
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Container, Host
from assessments.catalogue.loader import load_catalogue
from assessments.models import AreaCount, Finding, Judgement
from assessments.scoring.levels import Level
from assessments.scoring.nist import risk_level
from assessments.selectors.counts import counts_by
from assessments.selectors.matrix import matrix_of
from assessments.selectors.overview import overview_of
from assessments.selectors.sentences import CLAUSES
from assessments.selectors.strata import strata_of
from tests.support.estate import Estate, new_estate
from tests.unit.facts.sample_documents import load

pytestmark = pytest.mark.django_db


@pytest.fixture
def estate() -> Estate:
    return new_estate("Platform security", now=timezone.now())


@pytest.fixture
def admin(estate: Estate) -> Client:
    client = Client()
    client.force_login(estate.admin.user)
    return client


def links(text: str) -> set[str]:
    return {unescape(found) for found in re.findall(r'href="([^"]+)"', text)}


def count_on(client: Client, address: str) -> int:
    """The number that a list announces."""
    found = re.search(r'id="count"[^>]*>\s*(\d+)', client.get(address).text)
    assert found is not None, address
    return int(found.group(1))


def test_the_headline_names_the_worst_finding(estate: Estate, admin: Client) -> None:
    estate.host("edge-01")
    estate.host("edge-02")
    estate.host("good-01", sample="hardened")
    overview = overview_of(estate.workspace, now=estate.now)
    assert overview.worst is not None
    worst = Finding.objects.of(estate.workspace).aggregate(worst=Max("level"))["worst"]
    assert overview.worst.level == worst
    assert overview.headline == f"On two hosts, {CLAUSES[overview.worst.check_id]}"
    assert overview.headline in admin.get(reverse("overview")).text


def test_a_good_host_is_not_said_to_fail(estate: Estate) -> None:
    estate.host("good-01", sample="hardened")
    overview = overview_of(estate.workspace, now=estate.now)
    assert overview.fails == 0
    assert overview.headline.startswith(("Nothing fails", "Nothing is known to fail"))


def test_every_clause_belongs_to_a_check() -> None:
    assert not CLAUSES.keys() - load_catalogue().checks.keys()


def test_a_host_without_facts_is_waited_for(estate: Estate, admin: Client) -> None:
    host = Host.unscoped.create(workspace=estate.workspace, name="new-01")
    assert overview_of(estate.workspace, now=estate.now).headline.startswith("Waiting")
    assert "Waiting for the first facts" in admin.get(reverse("host", args=[host.pk])).text


def test_each_number_of_the_overview_is_that_of_its_list(estate: Estate, admin: Client) -> None:
    estate.host("edge-01")
    estate.host("edge-02", sample="no-runtime-api")
    overview = overview_of(estate.workspace, now=estate.now)
    text = admin.get(reverse("overview")).text
    for row in overview.matrix.rows:
        for cell in row.cells:
            address = f"/findings/?likelihood={cell.likelihood}&impact={cell.impact}"
            assert (address in links(text)) == bool(cell.count)
    worst_cell = overview.matrix.rows[0].cells[-1]
    assert worst_cell.count == count_on(admin, "/findings/?likelihood=5&impact=5") > 0
    assert overview.fails == count_on(admin, "/findings/")
    assert overview.unknowns == count_on(admin, "/findings/?status=unknown")
    assert overview.containers == count_on(admin, "/containers/")
    for layer in overview.strata:
        for room in layer.rooms:
            address = f"/findings/?mechanism={room.code}&layer={layer.code}"
            if room.state == "open":
                assert address in links(text)
                assert count_on(admin, address) == room.findings


def test_the_matrix_has_the_levels_of_the_published_table(estate: Estate) -> None:
    for row in matrix_of(estate.workspace).rows:
        for cell in row.cells:
            wanted = risk_level(Level(cell.likelihood), impact=Level(cell.impact))
            assert cell.level == wanted


def test_a_mechanism_without_any_result_is_not_assessed(estate: Estate, admin: Client) -> None:
    rooms = [room for layer in strata_of(estate.workspace, now=estate.now) for room in layer.rooms]
    assert rooms
    assert {room.words for room in rooms} == {"Not assessed"}


def test_only_unknown_is_never_shown_as_pass(estate: Estate) -> None:
    host = estate.host("edge-01")
    AreaCount.objects.filter(host=host, mechanism="clock").update(
        passed=0, failed=0, unknown=3, weight_passed=0
    )
    Finding.unscoped.filter(host=host, mechanism="clock").delete()
    layers = strata_of(estate.workspace, now=estate.now)
    clock = next(room for layer in layers for room in layer.rooms if room.code == "clock")
    assert (clock.state, clock.words) == ("unknown", "3 unknown")


def test_passes_of_a_host_that_is_too_old_become_unknown(estate: Estate) -> None:
    host = estate.host("good-01", sample="hardened")
    before = counts_by(estate.workspace, "area", now=estate.now).total
    assert before.passed > 0
    estate.silence(host, for_=timedelta(hours=25))
    after = counts_by(estate.workspace, "area", now=estate.now).total
    assert (after.passed, after.weight_passed) == (0, 0)
    assert after.unknown == before.unknown + before.passed
    assert after.percent == 0
    states = {
        room.state for layer in strata_of(estate.workspace, now=estate.now) for room in layer.rooms
    }
    assert "pass" not in states


@pytest.mark.parametrize(("seconds", "is_silent"), [(205, False), (215, True)])
def test_a_host_is_silent_after_three_beats_and_a_grace(
    estate: Estate, admin: Client, seconds: int, is_silent: bool
) -> None:
    host = estate.host("edge-01")
    estate.silence(host, for_=timedelta(seconds=seconds))
    found = overview_of(estate.workspace, now=estate.now)
    assert [one.pk for one in found.silent] == ([host.pk] if is_silent else [])
    assert found.population.reporting == (0 if is_silent else 1)
    assert count_on(admin, "/hosts/?state=silent") == (1 if is_silent else 0)


def test_an_agent_without_root_is_said_plainly(estate: Estate, admin: Client) -> None:
    def lower(document: dict[str, Any]) -> None:
        document["agent"]["level"] = "unprivileged"

    host = estate.host("edge-01", change=lower)
    assert "1 agent cannot read everything" in admin.get(reverse("overview")).text
    assert "runs without any right of its own" in admin.get(reverse("host", args=[host.pk])).text


def test_the_container_page_names_who_shares_its_namespaces(estate: Estate, admin: Client) -> None:
    estate.host("edge-01")
    containers = {one.name: one for one in Container.objects.of(estate.workspace)}
    legacy, sidecar = containers["legacy"], containers["sidecar"]
    text = admin.get(reverse("container", args=[legacy.pk])).text
    assert reverse("container", args=[sidecar.pk]) in links(text)
    assert "This container has a way out" in text
    assert "/run/docker.sock" in text
    assert "0 of 7 walls stand" in text
    assert "no limit" in text


def test_the_finding_page_shows_evidence_reasons_and_advice(estate: Estate, admin: Client) -> None:
    estate.host("edge-01")
    finding = Finding.objects.of(estate.workspace).get(check_id="SEG-MNT-04")
    check = load_catalogue().checks[finding.check_id]
    text = unescape(admin.get(reverse("finding", args=[finding.pk])).text)
    for words in (check.title, check.why, check.remediation["general"], check.passes):
        assert words in text
    for item in finding.evidence:
        assert item["path"] in text
        assert item["observed"] in text
    for step in finding.steps:
        assert step["because"] in text
    assert "NIST SP 800-190" in text


def test_a_stopped_container_is_not_assessed_rather_than_good(
    estate: Estate, admin: Client
) -> None:
    estate.host("edge-01")
    stopped = Container.objects.of(estate.workspace).get(state="exited")
    assert "exited, not assessed" in admin.get(f"/containers/?q={stopped.name}").text
    text = admin.get(reverse("container", args=[stopped.pk])).text
    assert "Not assessed: only running containers are" in text
    assert "None open" not in text


def test_a_list_that_is_not_known_is_not_called_none(estate: Estate, admin: Client) -> None:
    def forget(document: dict[str, Any]) -> None:
        for name in ("published_ports", "device_nodes", "mounts"):
            del document["containers"][0][name]

    estate.host("edge-01", change=forget)
    container = Container.objects.of(estate.workspace).get(name="legacy")
    text = admin.get(reverse("container", args=[container.pk])).text
    assert text.count("Not known.") == 3
    assert "None." not in text


def test_facts_that_were_not_judged_yet_are_not_called_good(estate: Estate, admin: Client) -> None:
    host = estate.host("edge-01", sample="hardened")
    Judgement.objects.filter(host=host).delete()
    Finding.unscoped.filter(host=host).delete()
    text = admin.get(reverse("host", args=[host.pk])).text
    assert "The first facts are being judged" in text
    assert "None open" not in text
    assert "being judged" in admin.get(reverse("hosts")).text
    assert "None open" not in admin.get(reverse("hosts")).text


def test_a_pair_names_both_containers(estate: Estate, admin: Client) -> None:
    estate.host("edge-01")
    finding = Finding.objects.of(estate.workspace).filter(target_kind="pair").first()
    assert finding is not None
    names = set(finding.target_name.split(", "))
    assert len(names) == 2
    found = links(admin.get(reverse("finding", args=[finding.pk])).text)
    for container in Container.objects.of(estate.workspace).filter(name__in=names):
        assert reverse("container", args=[container.pk]) in found


def test_a_mended_rule_moves_to_the_closed_findings(estate: Estate, admin: Client) -> None:
    host = estate.host("edge-01")
    finding = Finding.objects.of(estate.workspace).get(check_id="RES-HST-02")
    document = load("as-found")
    document["kernel"]["sysctl"]["vm.panic_on_oom"] = "0"
    estate.report(host, document, number=2)
    assert count_on(admin, "/findings/?check=RES-HST-02") == 0
    assert count_on(admin, "/findings/?check=RES-HST-02&status=closed") == 1
    assert "Closed" in admin.get(reverse("finding", args=[finding.pk])).text


def test_lists_page_sort_and_filter_by_their_address(estate: Estate, admin: Client) -> None:
    estate.host("edge-01")
    estate.host("edge-02", sample="no-runtime-api")
    first = admin.get("/findings/?sort=check").text
    assert "Page 1 of" in first
    assert "?sort=check&page=2" in links(first)
    second = admin.get("/findings/?sort=check&page=2").text
    shown = [re.findall(r"/findings/([0-9a-f-]{36})/", text) for text in (first, second)]
    assert len(set(shown[0])) == len(set(shown[1])) == 50
    assert not set(shown[0]) & set(shown[1])
    assert count_on(admin, "/findings/?q=socket") < count_on(admin, "/findings/")
    assert count_on(admin, "/hosts/?q=edge-02") == 1
    assert 0 < count_on(admin, "/findings/?level=5") < count_on(admin, "/findings/")
