"""A list that stands beside an entry "could not be collected" holds only what could be read."""

import pytest

from assessments.engine.unknowns import Unknowns


@pytest.mark.parametrize(
    ("path", "is_cut"),
    [
        ("containers[c1].runtime_sockets", True),
        ("containers[].runtime_sockets", True),
        ("containers[c2].runtime_sockets", False),
        ("containers[c1].limits", False),
        ("network.listening", True),
        ("network.firewall", False),
        ("kernel", False),
    ],
)
def test_a_list_that_is_there_in_part_is_cut(path: str, is_cut: bool) -> None:
    document = {
        "containers": [{"key": "c1", "runtime_sockets": [], "limits": {}}, {"key": "c2"}],
        "network": {"listening": []},
        "unknowns": [{"path": path, "reason": "not allowed to read"}],
    }
    assert bool(Unknowns(document).cut_lists) is is_cut
