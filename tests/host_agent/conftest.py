"""Fixtures for the tests of the host agent."""

import pytest

from tests.host_agent.tree import Tree


@pytest.fixture
def tree(tmp_path):
    """An empty host: kthreadd, PID 1, a version 2 control group tree."""
    return Tree(tmp_path / "host")
