"""The shipped catalogue: what it covers, and that it is loaded once and whole."""

from collections import Counter

import pytest

from assessments.catalogue import vocabulary
from assessments.catalogue.lint import lint
from assessments.catalogue.loader import DEFAULT, check_files, load_catalogue
from assessments.engine.check import TargetKind

NAMESPACE_WALLS = {
    "pid": {"pid-namespace"},
    "cgroup": {"cgroup-cpu", "cgroup-memory"},
    "network": {"network-namespace"},
    "user": {"user-namespace"},
    "mount": {"mount-namespace"},
    "ipc": {"ipc-namespace"},
    "uts": {"uts-namespace"},
}


def test_nothing_is_wrong_with_the_shipped_catalogue() -> None:
    assert lint() == []


def test_every_file_is_a_check_and_there_are_many() -> None:
    catalogue = load_catalogue()
    assert set(catalogue.checks) == {path.stem for path in check_files(DEFAULT)}
    assert len(catalogue.checks) >= 250


def test_every_area_and_subarea_group_is_covered() -> None:
    areas = Counter(check.area for check in load_catalogue().checks.values())
    assert areas.keys() == vocabulary.AREAS.keys()
    assert min(areas.values()) >= 15


def test_every_layer_is_covered() -> None:
    layers = Counter(check.layer for check in load_catalogue().checks.values())
    assert layers.keys() == vocabulary.LAYERS.keys()
    assert min(layers.values()) >= 10


@pytest.mark.parametrize("namespace", NAMESPACE_WALLS)
def test_every_namespace_has_a_check_of_its_own(namespace: str) -> None:
    mechanisms = {check.mechanism for check in load_catalogue().checks.values()}
    assert mechanisms >= NAMESPACE_WALLS[namespace]


def test_every_kind_of_target_is_asked() -> None:
    targets = Counter(check.target for check in load_catalogue().checks.values())
    assert targets.keys() == set(TargetKind)
    assert targets[TargetKind.PAIR] >= 10


def test_every_namespace_that_containers_can_share_has_a_pair_check() -> None:
    pairs = [check for check in load_catalogue().checks.values() if check.target is TargetKind.PAIR]
    for kind in ("pid", "network", "ipc", "uts", "user"):
        assert any(f'"{kind}" in pair.shared_namespaces' in check.passes for check in pairs)


def test_the_shipped_catalogue_is_read_once() -> None:
    assert load_catalogue() is load_catalogue()


def test_checks_come_in_the_order_of_their_ids() -> None:
    ids = list(load_catalogue().checks)
    assert ids == sorted(ids)
    assert sorted(name for group in load_catalogue().topics.values() for name in group) == ids


@pytest.mark.parametrize("field", ["params", "facts"])
def test_what_a_check_reads_is_listed(field: str) -> None:
    assert any(getattr(check, field) for check in load_catalogue().checks.values())


def test_the_first_profile_is_there_as_far_as_it_can_be_answered() -> None:
    first = (
        "SEG-CAP-19 SEG-MNT-04 SEG-MNT-02 SEG-PID-01 SEG-NET-01 SEG-USR-02 SEG-PRV-02 ACC-RT-01 "
        "ACC-RT-03 ACC-RT-04 ACC-LOGIN-01 ACC-LOGIN-03 LOG-SHIP-01 LOG-AUD-04 LOG-DRV-02 "
        "RES-MEM-01 RES-MEM-12 RES-PID-01 RES-CPU-01 IMG-SSH-01 IMG-SRC-01"
    )
    assert load_catalogue().checks.keys() >= set(first.split())
