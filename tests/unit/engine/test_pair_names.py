"""Pairs are named by their containers' names; the random keys decide nothing that people see."""

import pytest

from assessments.engine.check import TargetKind
from assessments.engine.targets import target_of


@pytest.mark.parametrize(("web", "db"), [("1", "2"), ("2", "1")])
def test_a_pair_is_named_in_the_order_of_names(web: str, db: str) -> None:
    containers = [{"key": web, "name": "web"}, {"key": db, "name": "db"}]
    target = target_of(TargetKind.PAIR, {"a": web, "b": db}, containers=containers)
    assert target.name == "db, web"
    assert target.container_ids == (db, web), "ids stand in the order of the names"
    assert target.key == "1+2"
