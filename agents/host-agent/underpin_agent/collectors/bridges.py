"""``network.bridges[]``: software bridges that containers hang on."""

from ..reading import ReadFailed
from . import engine_api
from .engines import find_engines
from .gathering import Unknown, names_or_none

_NET = "/sys/class/net/"
_DEFAULTS = {"docker0", "podman0", "cni-podman0", "cni0"}
_ICC = "com.docker.network.bridge.enable_icc"
_NAME = "com.docker.network.bridge.name"
_NO_API = "no runtime API"


def gather_bridges(gathering, context, filtered):
    """Store bridges[]. ``filtered`` is the packet filter, None when it is not known."""
    host = context.host
    try:
        names = [name for name in names_or_none(host, "/sys/class/net") if _is_bridge(host, name)]
    except ReadFailed as failure:
        gathering.failed("bridges", failure)
        return
    networks = _networks(context) if names else {}
    rows = []
    for name in names:
        row = gathering.item("bridges")
        network = networks.get(name)
        row.store("name", name)
        row.store("default", name in _DEFAULTS)
        if network is None:
            for key in ("network", "internal"):
                row.missing(key, _NO_API, needs="read access to the runtime socket")
        else:
            row.store("network", str(network.get("Name", "")))
            row.store("internal", bool(network.get("Internal")))
        row.fact(
            "inter_container",
            lambda name=name, network=network: _talk(host, name, network, filtered),
        )
        row.fact("reverse_path_filter", lambda name=name: _reverse_path_filter(host, name))
        rows.append(row.facts)
    gathering.store("bridges", rows)


def _is_bridge(host, name):
    return bool(names_or_none(host, _NET + name + "/bridge"))


def _networks(context):
    """``{bridge: network}`` as docker tells it; empty without an API that answers."""
    found = {}
    for engine in find_engines(context):
        if engine.kind != "docker" or not engine.sockets:
            continue
        try:
            listed = engine_api.get_json(context.host, engine.sockets[0], "/networks")
        except ReadFailed:
            continue
        found.update(bridge_networks(listed))
    return found


def bridge_networks(listed):
    """``{bridge: network}`` of the answer to GET /networks."""
    found = {}
    for network in listed if isinstance(listed, list) else ():
        if network.get("Driver") == "bridge":
            options = network.get("Options") or {}
            name = options.get(_NAME) or "br-" + str(network.get("Id", ""))[:12]
            found[str(name)] = network
    return found


def _talk(host, name, network, filtered):
    """Whether two containers on the bridge reach each other. Raises Unknown."""
    ports = names_or_none(host, _NET + name + "/brif")
    isolated = [host.line("%s%s/brport/isolated" % (_NET, port)) == "1" for port in ports]
    if isolated and all(isolated):
        return False
    if filtered is None and network is None:
        raise Unknown(reason="neither packet filter nor runtime API could be read")
    if filtered is not None:
        return not filtered.drops_between(name)
    return (network.get("Options") or {}).get(_ICC) != "false"


def _reverse_path_filter(host, name):
    path = "/proc/sys/net/ipv4/conf/%s/rp_filter"
    return max(int(host.line(path % "all")), int(host.line(path % name)))
