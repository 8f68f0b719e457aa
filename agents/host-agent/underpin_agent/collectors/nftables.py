"""The rules of nf_tables, read over netlink(7) (include/uapi/linux/netfilter/nf_tables.h)."""

import ipaddress
import struct
from collections import namedtuple

from ..record import Record
from . import netlink

_PROTOCOL = 12  # NETLINK_NETFILTER
_GET_CHAIN, _GET_RULE = 0x0A04, 0x0A07  # NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_*
INET, IPV4 = 1, 2  # NFPROTO_*
_VERDICTS = {0: "drop", 1: "accept", -3: "jump", -4: "goto", -5: "return"}
_IN_NAME, _OUT_NAME = 6, 7  # NFT_META_IIFNAME, NFT_META_OIFNAME
_DESTINATION = (1, 16, 4)  # network header, offset and length of the IPv4 destination


class Chain(
    namedtuple(
        "Chain", "family table name hook priority policy kind", defaults=(None, 0, "accept", "")
    )
):
    """A chain; ``hook`` is None for one that others jump to, else 0 prerouting, 1 input, 2 forward,
    3 output, 4 postrouting."""

    __slots__ = ()


class Rule(Record):
    """One rule: what it decides and the simple matches this reader understands.

    ``others`` counts further matches, so that a rule with ``others`` is narrower than it looks.
    """

    family: int
    table: str
    chain: str
    verdict: str = ""
    target: str = ""
    in_name: str = ""
    out_name: str = ""
    destination: object = None  # ipaddress network
    others: int = 0
    limits: bool = False  # counts or limits packets or connections
    _registers: dict = dict


def read():
    """``(chains, rules)`` of the own network namespace. Raises ReadFailed."""
    request = struct.pack("!BBH", 0, 0, 0)  # struct nfgenmsg: every family
    chains = netlink.ask(_PROTOCOL, _GET_CHAIN, netlink.NLM_F_DUMP, request)
    rules = netlink.ask(_PROTOCOL, _GET_RULE, netlink.NLM_F_DUMP, request)
    return [parse_chain(data) for _, data in chains], [parse_rule(data) for _, data in rules]


def parse_chain(data):
    """The ``Chain`` of one answer."""
    found = dict(netlink.attributes(data[4:]))
    hook = dict(netlink.attributes(found.get(4, b"")))
    policy = struct.unpack("!I", found[5])[0] if 5 in found else 1
    return Chain(
        family=data[0],
        table=_text(found.get(1, b"")),
        name=_text(found.get(3, b"")),
        hook=struct.unpack("!I", hook[1])[0] if 1 in hook else None,
        priority=struct.unpack("!i", hook[2])[0] if 2 in hook else 0,
        policy="drop" if policy == 0 else "accept",
        kind=_text(found.get(7, b"")),
    )


def parse_rule(data):
    """The ``Rule`` of one answer."""
    found = dict(netlink.attributes(data[4:]))
    rule = Rule(data[0], _text(found.get(1, b"")), _text(found.get(2, b"")))
    for _, element in netlink.attributes(found.get(4, b"")):
        expression = dict(netlink.attributes(element))
        name = _text(expression.get(1, b""))
        reader = _READERS.get(name, _other)
        reader(rule, dict(netlink.attributes(expression.get(2, b""))), name)
    return rule


def _meta(rule, found, _name):
    if 1 in found:
        rule._registers[found[1]] = ("meta", _number(found[2]))  # noqa: SLF001 own class


def _payload(rule, found, _name):
    if 1 in found:
        where = tuple(_number(found[key]) for key in (2, 3, 4))
        rule._registers[found[1]] = ("payload", where)  # noqa: SLF001


def _bitwise(rule, found, _name):
    mask = dict(netlink.attributes(found.get(4, b""))).get(1, b"")
    loaded = rule._registers.get(found.get(1))  # noqa: SLF001
    rule._registers[found.get(2)] = (*loaded[:2], mask) if loaded else None  # noqa: SLF001


def _compare(rule, found, _name):
    loaded = rule._registers.get(found.get(1))  # noqa: SLF001
    value = dict(netlink.attributes(found.get(3, b""))).get(1, b"")
    if _number(found.get(2, b"\0")) != 0 or loaded is None:  # only NFT_CMP_EQ
        rule.others += 1
    elif loaded[:2] == ("meta", _IN_NAME):
        rule.in_name = _interface(value)
    elif loaded[:2] == ("meta", _OUT_NAME):
        rule.out_name = _interface(value)
    elif loaded[0] == "payload" and loaded[1][:2] == _DESTINATION[:2] and 0 < len(value) <= 4:
        rule.destination = _network(value, loaded[2] if len(loaded) > 2 else b"")
    else:
        rule.others += 1


def _interface(value):
    """``docker0``, or ``veth*`` for a beginning: iptables compares without the closing NUL."""
    return _text(value) if value.endswith(b"\0") else _text(value) + "*"


def _network(value, mask):
    bits = len(value) * 8
    if mask:
        bits = bin(int.from_bytes(mask, "big")).count("1")
    packed = (value + b"\0\0\0\0")[:4]
    return ipaddress.ip_network((int.from_bytes(packed, "big"), bits), strict=False)


def _immediate(rule, found, _name):
    verdict = dict(netlink.attributes(found.get(2, b""))).get(2)
    if verdict is None:
        return
    parts = dict(netlink.attributes(verdict))
    rule.verdict = _VERDICTS.get(struct.unpack("!i", parts[1])[0], "")
    rule.target = _text(parts.get(2, b""))


def _reject(rule, _found, _name):
    rule.verdict = "reject"


def _target(rule, found, _name):
    """An xtables target inside nf_tables, as iptables-nft writes it."""
    name = _text(found.get(1, b""))
    if name in ("REJECT", "DROP"):
        rule.verdict = name.lower()


def _ignored(_rule, _found, _name):
    """Counters and comments neither match nor decide."""


def _other(rule, found, name):
    rule.others += 1
    # "match" wraps an xtables match, whose name is its first attribute.
    word = _text(found.get(1, b"")) if name == "match" else name
    rule.limits = rule.limits or word in _LIMITING


_LIMITING = {"limit", "connlimit", "dynset", "recent", "hashlimit"}
_READERS = {
    "meta": _meta,
    "payload": _payload,
    "bitwise": _bitwise,
    "cmp": _compare,
    "immediate": _immediate,
    "reject": _reject,
    "target": _target,
    "counter": _ignored,
    "log": _ignored,
}


def _number(raw):
    return int.from_bytes(raw, "big")


def _text(raw):
    return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
