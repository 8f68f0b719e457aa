"""Published ports without the runtime's word: docker-proxy names the container's address."""

import re

from ..enrichment.docker import parse_arguments
from ..reading import ReadFailed

LOCAL = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")  # /proc/<pid>/net/fib_trie


def by_proxies(material):
    """Rows of ``published_ports[]``, None when nothing is seen: rules of the filter may publish
    without a proxy. In the host's network namespace there is nothing to publish."""
    namespaces = material.posture.facts.get("namespaces", {})
    if namespaces.get("network", {}).get("is_host"):
        return []
    proxies = [one for one in material.view.context.processes if one.comm == "docker-proxy"]
    if not proxies:
        return None
    try:
        own = set(LOCAL.findall(material.read("net/fib_trie")))
    except ReadFailed:
        return None
    rows = {}
    for proxy in proxies:
        options = {key: values[-1] for key, values in parse_arguments(proxy.arguments()).items()}
        outside, inside = options.get("host-port", ""), options.get("container-port", "")
        known = outside.isdigit() and inside.isdigit()
        if known and options.get("container-ip") in own and proxy.uids[:1] == [0]:
            address = options.get("host-ip", "")
            rows[address, int(outside), int(inside)] = {
                "host_address": address,
                "host_port": int(outside),
                "container_port": int(inside),
                "loopback": address.startswith("127.") or address == "::1",
            }
    return [rows[key] for key in sorted(rows)] or None
