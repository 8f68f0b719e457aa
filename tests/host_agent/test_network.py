"""Network facts: the right namespace, the right owner of a socket, nothing of others."""

import errno
import os
import socket
import struct

import pytest
from underpin_agent.containers import network, network_namespaces
from underpin_agent.containers.material import Material
from underpin_agent.containers.network import (
    address_of,
    is_loopback,
    parse_sockets,
)
from underpin_agent.containers.view import HostView
from underpin_agent.enrichment.claim import Claim

from tests.host_agent.tree import CONTAINER_ID, HOST, OTHER_ID

KEY = CONTAINER_ID[:12]
HEAD = "  sl  local_address rem_address   st\n"


def row(address, port, state="0A", inode=500):
    return "0: %s:%04X 00000000:0000 %s 0:0 0:0 0 0 0 %d 1\n" % (address, port, state, inode)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("0B00007F", "127.0.0.11"),
        ("0" * 32, "::"),
        ("00000000000000000000000001000000", "::1"),
    ],
)
def test_addresses_of_the_kernel(text, expected):
    assert address_of(text) == expected


def test_only_the_wanted_state_is_parsed():
    text = HEAD + row("00000000", 80) + row("00000000", 81, state="01")
    assert parse_sockets(text, "0A") == [("0.0.0.0", 80, 500)]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback(address):
    assert is_loopback(address)
    assert not is_loopback("10.0.0.1")


def listening(tree, key=KEY):
    return tree.containers()[key]["network"].get("listening")


def test_the_engines_resolver_is_no_service_of_the_container(tree):
    """Trap 9."""
    tree.container(100)
    tree.write("/proc/100/net/tcp", HEAD + row("0B00007F", 40000) + row("00000000", 80, inode=7))
    assert [one["port"] for one in listening(tree)] == [80]


def test_answers_to_own_questions_are_no_service(tree):
    tree.container(100)
    text = HEAD + row("00000000", 40000, state="07") + row("00000000", 53, state="07")
    tree.write("/proc/100/net/udp", text)
    assert [one["port"] for one in listening(tree)] == [53]


def test_in_the_hosts_namespace_only_own_sockets_count(tree):
    tree.container(100, namespaces={"net": HOST["net"]})
    tree.write(
        "/proc/100/net/tcp", HEAD + row("00000000", 80, inode=7) + row("00000000", 22, inode=8)
    )
    tree.link("/proc/100/fd/3", "socket:[7]")
    assert listening(tree) == [
        {"address": "0.0.0.0", "port": 80, "loopback": False, "command": "app"}
    ]


def test_a_shared_namespace_shows_each_container_its_own_sockets(tree):
    for pid, one in ((100, CONTAINER_ID), (200, OTHER_ID)):
        tree.container(pid, container_id=one, namespaces={"net": 4026537777})
        tree.write("/proc/%d/net/tcp" % pid, HEAD + row("00000000", 80, inode=7))
    tree.link("/proc/200/fd/3", "socket:[7]")
    assert listening(tree) == []
    assert len(listening(tree, OTHER_ID[:12])) == 1


def test_a_socket_that_nobody_holds_is_listed_without_command(tree):
    tree.container(100)
    tree.write("/proc/100/net/tcp", HEAD + row("0100007F", 80))
    assert listening(tree) == [{"address": "127.0.0.1", "port": 80, "loopback": True}]
    assert "network.listening[].command" in tree.containers()[KEY]["unknown"]


def test_a_long_list_is_cut_and_says_so(tree):
    tree.container(100)
    rows = "".join(row("00000000", port, inode=port) for port in range(1, 700))
    tree.write("/proc/100/net/tcp", HEAD + rows)
    found = tree.containers()[KEY]
    assert len(found["network"]["listening"]) == 500
    assert found["unknown"]["network.listening"] == "truncated"


def test_tables_of_unused_protocols_are_not_read(tree):
    tree.container(100)
    tree.write(
        "/proc/100/net/sockstat", "sockets: used 3\nTCP: inuse 0 orphan 0\nUDP: inuse 0 mem 0\n"
    )
    tree.write("/proc/100/net/sockstat6", "TCP6: inuse 1\nUDP6: inuse 0\n")
    tree.write("/proc/100/net/tcp", HEAD + row("00000000", 1))
    tree.write("/proc/100/net/tcp6", HEAD + row("0" * 32, 443))
    assert [one["port"] for one in listening(tree)] == [443]


@pytest.mark.parametrize(
    ("four", "six", "expected"),
    [
        ("eth0 00000000 010011AC 0003 0 0 0 00000000 0 0 0", "", True),
        ("eth0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0", "", False),
        ("", "0" * 32 + " 00 x 00 fe80 1 1 1 1 eth0", True),
        ("", "0" * 32 + " 00 x 00 0 1 1 1 1 lo", False),
    ],
)
def test_the_default_route(tree, four, six, expected):
    tree.container(100)
    tree.write("/proc/100/net/route", "Iface Destination\n" + four + "\n")
    tree.write("/proc/100/net/ipv6_route", six + "\n")
    assert tree.containers()[KEY]["network"]["default_route"] is expected


def test_settings_of_a_namespace_that_may_not_be_entered_are_unknown(tree):
    """Trap 3: never the reader's own namespace instead."""
    tree.container(100)
    found = tree.containers()[KEY]
    assert {"network.interfaces", "network.sysctl", "network.attachments"} <= set(found["unknown"])
    assert not {"interfaces", "sysctl", "attachments"} & set(found["network"])


def attachments(tree, *, networks, known=None):
    """Rows of a container with one veth pair into ``br-mine``, for what docker's state says."""
    tree.container(100)
    view = HostView(tree.context())
    view.docker_networks = known or {}
    material = Material(view, view.context.discovery.containers[0], Claim(networks=networks))
    veth = {
        "name": "eth0",
        "index": 5,
        "peer": 9,
        "master": 0,
        "kind": "veth",
        "physical": False,
        "address": "02:42:ac:11:00:02",
        "loopback": False,
        "disable_ipv6": "1",
        "accept_ra": "0",
    }
    host = [{"name": "br-mine", "index": 3, "master": 0}, {"name": "v", "index": 9, "master": 3}]
    answers = {KEY: {"links": [veth], "sysctl": {}}, "host": {"links": host}}
    network.gather(material, answers)
    rows = material.posture.as_body()
    return rows["facts"]["network"]["attachments"], {row["path"] for row in rows["unknowns"]}


def test_a_joined_namespace_hangs_on_the_bridge_of_its_owner(tree):
    """Docker writes no networks into the state of a container that joins another one."""
    known = {"br-mine": {"Name": "mine", "Internal": True}}
    found, unknown = attachments(tree, networks={}, known=known)
    expected = {"bridge": "br-mine", "default_bridge": False, "network": "mine", "internal": True}
    assert found == [expected]
    assert not [path for path in unknown if "attachments" in path]


def test_a_bridge_no_engine_tells_about_is_not_called_internal(tree):
    found, unknown = attachments(tree, networks={})
    assert found == [{"bridge": "br-mine", "default_bridge": False}]
    assert "containers[].network.attachments[].internal" in unknown


def test_a_claimed_link_is_one_attachment(tree):
    networks = {"mine": ("02:42:ac:11:00:02", "abc")}
    found, _unknown = attachments(tree, networks=networks, known={"abc": {"Internal": False}})
    expected = {"bridge": "br-mine", "default_bridge": False, "network": "mine", "internal": False}
    assert found == [expected]


# ---- entering namespaces ----------------------------------------------------------------------


def test_links_of_this_machine_are_those_of_sysfs():
    names = {one["name"] for one in network_namespaces.links()}
    assert names == set(os.listdir("/sys/class/net"))
    loopback = [one["name"] for one in network_namespaces.links() if one["loopback"]]
    assert loopback == ["lo"]


def test_hardware_is_told_from_virtual_links():
    for one in network_namespaces.links():
        real = os.path.exists("/sys/class/net/%s/device" % one["name"])
        assert one["physical"] is real, one["name"]


def attribute(kind, data):
    raw = struct.pack("=HH", 4 + len(data), kind) + data
    return raw + b"\0" * (-len(raw) % 4)


def message(*attributes, hardware=1, index=5):
    body = struct.pack("=BxHiII", 0, hardware, index, 0, 0) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), network_namespaces.RTM_NEWLINK, 0, 0, 0) + body


def test_a_veth_names_its_peer_and_kind():
    info = attribute(
        network_namespaces.IFLA_LINKINFO, attribute(network_namespaces.IFLA_INFO_KIND, b"veth\0")
    )
    raw = message(
        attribute(network_namespaces.IFLA_IFNAME, b"eth0\0"),
        attribute(network_namespaces.IFLA_LINK, struct.pack("=I", 9)),
        attribute(network_namespaces.IFLA_ADDRESS, bytes.fromhex("0242ac110002")),
        info,
    )
    (one,) = network_namespaces.parse_links(raw)
    assert (one["name"], one["kind"], one["peer"]) == ("eth0", "veth", 9)
    assert (one["address"], one["physical"]) == ("02:42:ac:11:00:02", False)


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_cut_message_breaks_nothing(cut):
    raw = message(attribute(network_namespaces.IFLA_IFNAME, b"eth0\0"))
    assert len(network_namespaces.parse_links(raw[:cut])) <= 1


def asked(tree, path, sysctls=()):
    return network_namespaces.Networks(tree.context(), sysctls).ask(path)


def test_a_namespace_is_read_from_inside_and_left_again(tree):
    before = os.readlink("/proc/self/ns/net")
    own = asked(tree, "/proc/self/ns/net", ("net.ipv4.ip_forward",))
    assert os.readlink("/proc/self/ns/net") == before
    if "error" in own:
        assert own["error"] == "EPERM"
        return
    assert {one["name"] for one in own["links"]} == {name for _index, name in socket.if_nameindex()}
    assert own["sysctl"]["net.ipv4.ip_forward"] in ("0", "1")


def test_a_namespace_that_is_gone_is_an_error_of_its_own(tree):
    assert asked(tree, "/proc/0/ns/net")["error"] in ("ENOENT", "EPERM")


def test_who_may_not_come_back_does_not_leave():
    entered = []

    def enter(fd):
        entered.append(os.readlink("/proc/self/fd/%d" % fd))
        raise PermissionError(errno.EPERM, "no")

    with pytest.raises(PermissionError):
        network_namespaces.answer(enter, "/proc/self/ns/mnt", ())
    assert entered == [os.readlink("/proc/self/ns/net")]


def test_who_cannot_come_back_reports_nothing():
    calls = []

    def enter(_fd):
        calls.append(1)
        if len(calls) == 3:
            raise PermissionError(errno.EPERM, "no")

    with pytest.raises(SystemExit, match="cannot leave"):
        network_namespaces.answer(enter, "/proc/self/ns/net", ())


def test_containers_of_one_namespace_are_asked_once(tree):
    shared = {"net": 4026540000}
    tree.container(100, namespaces=shared)
    tree.container(200, container_id=OTHER_ID, namespaces=shared)
    networks = network_namespaces.Networks(tree.context(), ())
    paths = []
    networks.ask = lambda path: paths.append(path) or {"error": "EPERM"}
    for key in (CONTAINER_ID[:12], OTHER_ID[:12], "host", "nobody"):
        networks.get(key, {})
    assert len(paths) == 2
