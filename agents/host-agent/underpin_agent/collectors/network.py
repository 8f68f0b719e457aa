"""The ``network`` section: the host's network namespace and packet filter."""

from .. import namespaces
from ..reading import Absent, ReadFailed
from . import firewall, listening, netlink
from .bridges import gather_bridges
from .gathering import Gathering, Unknown, text_or
from .kernel import custom_names, read_sysctls

SYSCTLS = (
    "net.bridge.bridge-nf-call-iptables",
    "net.core.bpf_jit_harden",
    "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.route_localnet",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.ip_forward",
)
_NET = "/sys/class/net/"
_FOREIGN = "the agent is not in the host's network namespace"
_PROMISCUOUS = 0x100  # IFF_PROMISC, netdevice(7)
_NETLINK_XFRM, _XFRM_MSG_GETSA, _XFRM_MSG_GETPOLICY = 6, 0x12, 0x15


def collect(context):
    """Read interfaces, sockets, settings and the filter of the host's own namespace."""
    host, gathering = context.host, Gathering("network")
    at_home = _is_in_host_namespace(context)
    if at_home:
        custom = [name for name in custom_names(context.options) if name.startswith("net.")]
        read_sysctls(gathering, host, sorted({*SYSCTLS, *custom}))
        filtered = firewall.gather(gathering, host)
    else:
        filtered = None
        for key in ("sysctl", "firewall", "encryption.ipsec_associations"):
            gathering.missing(key, _FOREIGN, needs="--network=host")
    rows = gathering.fact("interfaces", lambda: interfaces(host))
    gather_bridges(gathering, context, filtered)
    listening.gather(gathering, context)
    if rows is None:
        gathering.missing("overlays", "the interfaces could not be read")
        gathering.missing("encryption", "the interfaces could not be read")
    else:
        _encryption(gathering, rows, at_home)
    return gathering.section


def _is_in_host_namespace(context):
    own = namespaces.links(context.host, "self").get("network")
    return own is not None and own == context.discovery.host_inodes.get("network")


def interfaces(host):
    """Rows of the interfaces, without the host's ends of containers' veth pairs."""
    rows = []
    for name in host.names("/sys/class/net"):
        folder = _NET + name + "/"
        try:
            flags = int(host.line(folder + "flags"), 16)
        except Absent:
            continue  # bonding_masters is a file, and interfaces come and go
        physical = host.exists(folder + "device")
        kind = device_type(text_or(host, folder + "uevent"))
        if not kind and not physical and _is_veth(host, folder):
            continue
        rows.append(
            {
                "name": name,
                "physical": physical,
                "promiscuous": bool(flags & _PROMISCUOUS),
                "kind": kind,
            }
        )
    return rows


def device_type(text):
    """DEVTYPE of a uevent file whose lines were folded; ``""`` for plain, veth and dummy ones."""
    for word in text.split():
        if word.startswith("DEVTYPE="):
            return word[len("DEVTYPE=") :]
    return ""


def _is_veth(host, folder):
    """A virtual interface linked to another index: of those without DEVTYPE only veth is."""
    return text_or(host, folder + "iflink") != text_or(host, folder + "ifindex")


def _encryption(gathering, rows, at_home):
    names = {kind: [row["name"] for row in rows if row["kind"] == kind] for kind in _KINDS}
    gathering.store("encryption.wireguard", names["wireguard"])
    gathering.store("encryption.macsec", names["macsec"])
    if at_home:
        gathering.fact("encryption.ipsec_associations", lambda: _xfrm_count(_XFRM_MSG_GETSA))
    overlays = sorted(names["vxlan"] + names["geneve"])
    found = []
    for name in overlays:
        row = gathering.item("overlays")
        row.store("name", name)
        row.fact("encrypted", lambda: _overlay_encrypted(names, at_home))
        found.append(row.facts)
    gathering.store("overlays", found)


_KINDS = ("wireguard", "macsec", "vxlan", "geneve")


def _overlay_encrypted(names, at_home):
    """False when nothing on this host encrypts; else which link carries it is not known."""
    if not at_home:
        raise Unknown(reason=_FOREIGN, needs="--network=host")
    if names["wireguard"] or names["macsec"] or _xfrm_count(_XFRM_MSG_GETPOLICY):
        raise Unknown(reason="which link carries the overlay is not known")
    return False


def _xfrm_count(message):
    """Number of IPsec associations or policies. Raises Unknown when the kernel has no XFRM."""
    try:
        # struct xfrm_usersa_info and xfrm_userpolicy_id are shorter; a dump reads no field.
        return len(netlink.ask(_NETLINK_XFRM, message, netlink.NLM_F_DUMP, bytes(224)))
    except ReadFailed as failure:
        if failure.errno_name in ("EPROTONOSUPPORT", "EINVAL", "EOPNOTSUPP"):
            return 0  # built without: no association can exist
        raise
