"""``network.firewall``: what the packet filter of the host's network namespace decides."""

import ipaddress

from ..reading import Absent, ReadFailed
from . import nftables
from .gathering import Unknown, text_or

_PREROUTING, _INPUT, _FORWARD = 0, 1, 2
_RAW = -300  # NF_IP_PRI_RAW, include/uapi/linux/netfilter_ipv4.h
_USER_CHAINS = {"DOCKER-USER", "CNI-ADMIN", "NETAVARK-ISOLATION-USER"}
_METADATA = ipaddress.ip_address("169.254.169.254")
_REFUSING = {"drop", "reject"}


class Filter:
    """The chains and rules that IPv4 packets meet."""

    def __init__(self, chains, rules):
        families = (nftables.INET, nftables.IPV4)
        self.chains = [chain for chain in chains if chain.family in families]
        self.rules = [rule for rule in rules if rule.family in families]

    def base(self, hook):
        """Filter chains the kernel calls at ``hook``."""
        return [c for c in self.chains if c.hook == hook and c.kind in ("filter", "")]

    def policy(self, hook):
        """DROP when one of the chains drops what it does not accept, else ACCEPT."""
        return "DROP" if any(c.policy == "drop" for c in self.base(hook)) else "ACCEPT"

    def at(self, hook):
        """The rules of the chains at ``hook`` and of every chain they lead to."""
        seen = {(c.family, c.table, c.name) for c in self.base(hook)}
        found, todo = [], set(seen)
        while todo:
            here = [r for r in self.rules if (r.family, r.table, r.chain) in todo]
            found.extend(here)
            todo = {(r.family, r.table, r.target) for r in here if r.target} - seen
            seen |= todo
        return found

    def raw_drops(self):
        """Number of rules that drop before connection tracking."""
        early = {
            (c.family, c.table, c.name)
            for c in self.chains
            if c.hook == _PREROUTING and c.priority <= _RAW
        }
        return sum(
            r.verdict == "drop" and (r.family, r.table, r.chain) in early for r in self.rules
        )

    def egress_rules(self):
        """Rules an administrator put into the chains kept for container traffic."""
        own = [rule for rule in self.rules if rule.chain in _USER_CHAINS]
        return sum(not _is_plain_return(rule) for rule in own)

    def metadata_blocked(self):
        """True when forwarded packets to the metadata address are refused for everybody."""
        return any(
            rule.verdict in _REFUSING
            and rule.destination is not None
            and _METADATA in rule.destination
            and not (rule.in_name or rule.out_name or rule.others)
            for rule in self.at(_FORWARD)
        )

    def input_from_bridges_filtered(self, bridges):
        """True when what bridges send to the host is dropped unless accepted, for each of them."""
        rules = self.at(_INPUT)
        drops = self.policy(_INPUT) == "DROP"
        return all(_input_filtered(rules, name, drops) for name in bridges)

    def limits_input(self):
        """True when a rule for incoming packets counts or limits them."""
        return any(rule.limits for rule in self.at(_INPUT))

    def drops_between(self, bridge):
        """True when packets from the bridge back to itself are dropped."""
        for rule in self.at(_FORWARD):
            same = rule.in_name == rule.out_name == bridge and not rule.others
            if same and rule.destination is None and rule.verdict in (*_REFUSING, "accept"):
                return rule.verdict != "accept"
        return False


def _is_plain_return(rule):
    matches = rule.in_name or rule.out_name or rule.destination or rule.others
    return rule.verdict == "return" and not matches


def _input_filtered(rules, name, drops):
    """The first rule that decides about everything from ``name``; else the policy."""
    for rule in rules:
        whole = rule.in_name in ("", name) and not rule.others and rule.destination is None
        if whole and rule.verdict in _REFUSING:
            return True
        if whole and rule.verdict == "accept" and rule.out_name == "":
            return False
    return drops


def read(host):
    """The ``Filter`` of the own network namespace. Raises ReadFailed and Unknown."""
    if text_or(host, "/proc/self/net/ip_tables_names"):
        raise Unknown(reason="legacy iptables tables are loaded and not read")
    return Filter(*nftables.read()) if _has_nftables(host) else Filter([], [])


def gather(gathering, host):
    """Store firewall.*; return the ``Filter``, None when it could not be read whole."""
    try:
        found = read(host)
    except ReadFailed as failure:
        gathering.failed("firewall", failure, needs="CAP_NET_ADMIN")
        return None
    except Unknown as unknown:
        gathering.missing("firewall", unknown.reason)
        return None
    names = [name for name in host.names("/sys/class/net") if _is_bridge(host, name)]
    gathering.store("firewall.backend", "nftables" if found.chains else "none")
    gathering.store("firewall.forward_policy", found.policy(_FORWARD))
    gathering.store("firewall.input_policy", found.policy(_INPUT))
    gathering.store("firewall.raw_prerouting_drops", found.raw_drops())
    gathering.store("firewall.egress_rules", found.egress_rules())
    gathering.store("firewall.metadata_blocked", found.metadata_blocked())
    filtered = bool(found.chains) and found.input_from_bridges_filtered(names)
    gathering.store("firewall.input_from_bridges_filtered", filtered)
    return found


def _is_bridge(host, name):
    try:
        return host.exists("/sys/class/net/%s/bridge" % name)
    except ReadFailed:
        return False


def _has_nftables(host):
    """False when nf_tables is a module that is not loaded: asking would load it."""
    try:
        modules = {line.split(" ")[0] for line in host.lines("/proc/modules", 1_048_576)}
    except Absent:
        return True  # no modules: built in, or the question fails without a trace
    if "nf_tables" in modules:
        return True
    release = host.line("/proc/sys/kernel/osrelease")
    path = "/lib/modules/%s/modules.builtin" % release
    return "/nf_tables.ko" in host.read(path, 1_048_576)
