"""The network section: interfaces, sockets, bridges and the packet filter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from underpin_agent.collectors import bridges, firewall, listening, netlink, network, sockets
from underpin_agent.collectors.nftables import Chain, Rule
from underpin_agent.reading import ReadFailed

from tests.host_agent.hosts.building import Machine, body

NET = "/sys/class/net/"


@pytest.fixture
def machine(tmp_path):
    built = Machine(tmp_path).own_namespaces()
    for name in ("tcp", "tcp6", "udp", "udp6", "unix"):
        built.write("/proc/1/net/" + name, "head\n")
    return built.files(
        **{
            NET + "eth0/flags": "0x1103\n",
            NET + "eth0/device/x": "",
            NET + "wg0/flags": "0x1003\n",
            NET + "wg0/uevent": "DEVTYPE=wireguard\nINTERFACE=wg0\n",
            NET + "veth1/flags": "0x1003\n",
            NET + "veth1/iflink": "7\n",
            NET + "veth1/ifindex": "8\n",
            NET + "bonding_masters": "bond0\n",
            "/proc/modules": "other 1 0 - Live 0x0\nnf_nat 1 0 - Live 0x0\n",
            "/proc/sys/kernel/osrelease": "6.1.0\n",
            "/lib/modules/6.1.0/modules.builtin": "kernel/lib/crc.ko\n",
            "/proc/sys/net/ipv4/ip_forward": "1\n",
        }
    )


def tcp(address, port, inode, state="0A"):
    return f"0: {address}:{port:04X} 00000000:0000 {state} 0:0 0:0 0 0 0 {inode} 1\n"


def test_interfaces_without_the_ends_of_containers(machine):
    facts, _ = body(network.collect, machine.context())
    assert facts["interfaces"] == [
        {"name": "eth0", "physical": True, "promiscuous": True, "kind": ""},
        {"name": "wg0", "physical": False, "promiscuous": False, "kind": "wireguard"},
    ]
    assert facts["encryption"]["wireguard"] == ["wg0"]


def test_settings_of_another_namespace_are_not_the_hosts(machine):
    assert body(network.collect, machine.context())[0]["sysctl"]["net.ipv4.ip_forward"] == "1"
    machine.at("/proc/self/ns/net").unlink()
    machine.link("/proc/self/ns/net", "net:[4026532222]")
    facts, unknowns = body(network.collect, machine.context())
    assert "sysctl" not in facts
    assert "firewall" not in facts
    for path in ("sysctl", "firewall", "encryption.ipsec_associations"):
        assert unknowns["network." + path] == "the agent is not in the host's network namespace"


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("00000000000000000000000001000000", "::1"),
        ("0000000000000000FFFF00000100007F", "127.0.0.1"),
        ("B80D0120000000000000000001000000", "2001:db8::1"),
    ],
)
def test_addresses_of_the_socket_tables(digits, text):
    assert sockets.address_text(digits) == text


def test_listening_sockets_with_their_owner(machine):
    machine.process(80, "sshd").link("/proc/80/fd/3", "socket:[11]")
    machine.write(
        "/proc/1/net/tcp", "head\n" + tcp("00000000", 22, 11) + tcp("0100007F", 25, 12, "01")
    )
    facts, unknowns = body(network.collect, machine.context())
    assert facts["listening"] == [
        {"protocol": "tcp", "address": "0.0.0.0", "port": 22, "loopback": False, "command": "sshd"}
    ]
    assert "network.listening[].command" not in unknowns


def test_a_socket_without_a_known_owner_has_no_command(machine):
    machine.write("/proc/1/net/tcp", "head\n" + tcp("00000000", 22, 11))
    facts, unknowns = body(network.collect, machine.context())
    assert "command" not in facts["listening"][0]
    assert unknowns["network.listening[].command"] == "owner not found"


def test_udp_counts_outside_the_range_for_answers(machine):
    machine.write("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    table = tcp("00000000", 53, 1, "07") + tcp("00000000", 40000, 2, "07")
    machine.write("/proc/1/net/udp", "head\n" + table)
    facts, _ = body(network.collect, machine.context())
    assert [(row["protocol"], row["port"]) for row in facts["listening"]] == [("udp", 53)]


def test_a_list_over_the_cap_says_that_it_is_cut(machine):
    table = "".join(tcp("00000000", port, port) for port in range(1, 700))
    machine.write("/proc/1/net/tcp", "head\n" + table)
    facts, unknowns = body(network.collect, machine.context())
    assert len(facts["listening"]) == 500
    assert unknowns["network.listening"] == "truncated"


@pytest.mark.parametrize(
    ("name", "stable"),
    [
        ("@9527c", "@*"),
        ("@/tmp/.X11-unix/X0", "@/tmp/.X*-unix/X*"),
        ("@/tmp/dbus-AbCdEf1234", "@/tmp/dbus-*"),
        ("@/containerd-shim/0123456789abcdef.sock", "@/containerd-shim/*.sock"),
        ("@plain", "@plain"),
    ],
)
def test_random_parts_of_abstract_names_are_a_star(name, stable):
    assert listening.stable_name(name) == stable


def test_abstract_names_are_a_set():
    names = (" @00001", " @00002", " /run/x", "")
    text = "head\n" + "".join(f"0: 2 0 0 1 1 5{name}\n" for name in names)
    assert listening.abstract_names(text) == ["@*"]


def bridge(machine, name, *, isolated=()):
    machine.write(f"{NET}{name}/flags", "0x1003").write(f"{NET}{name}/bridge/stp_state", "0")
    machine.write(f"{NET}{name}/uevent", "DEVTYPE=bridge")
    machine.write("/proc/sys/net/ipv4/conf/all/rp_filter", "0")
    machine.write(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "2")
    for number, value in enumerate(isolated):
        machine.write(f"{NET}{name}/brif/p{number}/x", "")
        machine.write(f"{NET}p{number}/brport/isolated", value)
    return machine


def test_a_bridge_whose_ports_are_all_isolated_lets_nobody_talk(machine):
    facts, unknowns = body(network.collect, bridge(machine, "docker0", isolated="11").context())
    assert facts["bridges"] == [
        {
            "name": "docker0",
            "default": True,
            "inter_container": False,
            "reverse_path_filter": 2,
        }
    ]
    assert unknowns["network.bridges[].network"] == "no runtime API"


def test_one_open_port_is_enough_to_talk(machine):
    facts, _ = body(network.collect, bridge(machine, "br-x", isolated="10").context())
    assert facts["bridges"][0]["inter_container"] is True
    assert facts["bridges"][0]["default"] is False


def test_with_neither_filter_nor_api_nobody_knows_who_talks(machine):
    bridge(machine, "docker0").write("/proc/self/net/ip_tables_names", "filter\n")
    facts, unknowns = body(network.collect, machine.context())
    assert "inter_container" not in facts["bridges"][0]
    assert "network.bridges[].inter_container" in unknowns
    assert "legacy" in unknowns["network.firewall"]


def test_networks_of_an_engine_by_bridge():
    listed = [
        {"Name": "bridge", "Driver": "bridge", "Options": {bridges._NAME: "docker0"}},
        {"Name": "web", "Driver": "bridge", "Id": "abcdef0123456789", "Internal": True},
        {"Name": "host", "Driver": "host", "Id": "1"},
    ]
    found = bridges.bridge_networks(listed)
    assert {name: row["Name"] for name, row in found.items()} == {
        "docker0": "bridge",
        "br-abcdef012345": "web",
    }
    assert bridges.bridge_networks({"message": "no"}) == {}


FORWARD = Chain(2, "filter", "FORWARD", hook=2, policy="drop", kind="filter")
INPUT = Chain(2, "filter", "INPUT", hook=1, kind="filter")


def test_without_modules_and_chains_nothing_is_filtered(machine):
    facts, _ = body(network.collect, machine.context())
    assert facts["firewall"] == {
        "backend": "none",
        "forward_policy": "ACCEPT",
        "input_policy": "ACCEPT",
        "raw_prerouting_drops": 0,
        "egress_rules": 0,
        "metadata_blocked": False,
        "input_from_bridges_filtered": False,
    }


def test_any_chain_that_drops_makes_the_policy_drop():
    other = Chain(1, "mine", "fwd", hook=2, kind="filter")
    v6 = Chain(10, "filter", "INPUT", hook=1, policy="drop", kind="filter")
    found = firewall.Filter([FORWARD, other, INPUT, v6], [])
    assert (found.policy(2), found.policy(1)) == ("DROP", "ACCEPT")


def test_a_rule_with_further_matches_proves_nothing_about_all_packets():
    narrow = Rule(2, "filter", "INPUT", verdict="drop", in_name="docker0", others=1)
    whole = Rule(2, "filter", "INPUT", verdict="drop", in_name="docker0")
    accept = Rule(2, "filter", "INPUT", verdict="accept", in_name="docker0")
    for rules, expected in (([narrow], False), ([whole], True), ([accept, whole], False)):
        found = firewall.Filter([INPUT], rules)
        assert found.input_from_bridges_filtered(["docker0"]) is expected


IN_NAMESPACE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from underpin_agent.collectors import firewall
from underpin_agent.collectors.gathering import Gathering
from underpin_agent.reading import Host
gathering = Gathering("network")
found = firewall.gather(gathering, Host())
facts = gathering.facts["firewall"]
print(json.dumps([facts, found.drops_between("docker0"), found.limits_input(),
                  found.input_from_bridges_filtered(["docker0"])]))
"""
RULES = """
table ip filter {
  chain FORWARD { type filter hook forward priority 0; policy drop;
    jump DOCKER-USER
    iifname "docker0" oifname "docker0" drop
  }
  chain DOCKER-USER {
    ip daddr 169.254.0.0/16 reject
    ip saddr 10.0.0.0/8 tcp dport 22 accept
    return
  }
  chain INPUT { type filter hook input priority 0;
    tcp dport 22 limit rate 3/minute accept
    iifname "docker0" counter drop
  }
}
table ip raw {
  chain PREROUTING { type filter hook prerouting priority -300;
    ip daddr 172.17.0.2 iifname != "docker0" drop
  }
}
"""


def test_real_rules_of_a_namespace_of_their_own(tmp_path):
    (tmp_path / "rules.nft").write_text(RULES)
    (tmp_path / "read.py").write_text(IN_NAMESPACE)
    agent = Path(__file__).parents[2] / "agents" / "host-agent"
    script = f"nft -f {tmp_path}/rules.nft && {sys.executable} {tmp_path}/read.py {agent}"
    shown = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], check=True, capture_output=True, text=True
    )
    facts, between, limits, filtered = json.loads(shown.stdout)
    # It speaks of the bridges of this machine, which /sys shows in every namespace.
    del facts["input_from_bridges_filtered"]
    assert facts == {
        "backend": "nftables",
        "forward_policy": "DROP",
        "input_policy": "ACCEPT",
        "raw_prerouting_drops": 1,
        "egress_rules": 2,
        "metadata_blocked": True,
    }
    assert (between, limits, filtered) == (True, True, True)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x04\0\0\0" * 2, b"\xff\xff\xff\xff" + bytes(16)])
def test_damaged_netlink_messages_end_quietly(data):
    assert list(netlink.messages(data)) == []
    assert isinstance(netlink.attributes(data), list)


def test_an_error_of_the_kernel_keeps_its_name():
    with pytest.raises(ReadFailed) as caught:
        netlink.ask(16, 0xFFFF, netlink.NLM_F_ACK)  # no such generic netlink family
    assert caught.value.errno_name == "ENOENT"
