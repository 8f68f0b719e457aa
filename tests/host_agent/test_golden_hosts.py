"""Whole hosts of every kind against their golden collections; a reviewer reads the difference.

``UNDERPIN_WRITE_GOLDEN=1`` writes the files anew.
"""

import json
import os
from pathlib import Path

import pytest
from underpin_agent.collection import collect

from tests.host_agent.hosts.estate import HOSTS, OPTIONS
from tests.host_agent.tree import Tree

FOLDER = Path(__file__).parent / "hosts" / "golden"
# What the agent asks the kernel that it runs on, whatever folder it reads: netlink and clock.
OF_THIS_KERNEL = (
    *("network.firewall", "network.encryption.ipsec_associations", "logging.audit"),
    *("logging.clock.synchronised", "accounts.automatic_blocking"),
    *("runtimes[].attribution_methods", "network.overlays[].encrypted"),
    "network.bridges[].inter_container",
)


def collected(folder, build, options=None):
    """The collection of one host, without what speaks of the machine the tests run on."""
    before = os.umask(0o022)
    try:
        tree = Tree(folder)
        build(tree)
    finally:
        os.umask(before)
    found = collect(str(tree.folder), b"salt", options)
    del found["sections"]["agent"], found["agent_version"]
    for name, body in found["sections"].items():
        assert "error" not in body, (name, body)
        body["unknowns"] = [row for row in body["unknowns"] if not ours(row["path"])]
        drop(body["facts"], name)
    return found


def ours(path):
    """Whether a fact is of this kernel."""
    return path.startswith(OF_THIS_KERNEL)


def drop(facts, path):
    """Remove the facts of this kernel, in place."""
    for key in list(facts) if isinstance(facts, dict) else ():
        inner = path if key == "items" else "%s.%s" % (path, key)
        if ours(inner):
            del facts[key]
            continue
        is_list = isinstance(facts[key], list)
        for row in facts[key] if is_list else [facts[key]]:
            drop(row, inner + "[]" if is_list else inner)


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_is_read_as_its_golden_file_says(name, tmp_path):
    found = collected(tmp_path / "host", HOSTS[name], OPTIONS.get(name))
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert str(tmp_path) not in text
    golden = FOLDER / (name + ".json")
    if os.environ.get("UNDERPIN_WRITE_GOLDEN") == "1":
        golden.write_text(text)
    assert json.loads(text) == json.loads(golden.read_text())
