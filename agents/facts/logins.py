"""Login ports of a container: services that let a person in."""

from agents.facts.reading import Facts, read, read_rows

# ssh, telnet, rlogin, rsh, a usual second ssh port, RDP, VNC.
LOGIN_PORTS = frozenset({22, 23, 513, 514, 2222, 3389, 5900})
PREFIX = "containers[]."


def login_ports(container: Facts) -> list[int]:
    """Return the login ports that the container listens on or has published.

    The agent lists sockets that a process of the container holds, also where the network
    namespace is shared.
    """
    published = _ports(container, "published_ports", "container_port")
    listening = _ports(container, "network.listening", "port")
    return sorted((published | listening) & LOGIN_PORTS)


def _ports(container: Facts, path: str, name: str) -> frozenset[int]:
    rows = read_rows(container, path, prefix=PREFIX)
    return frozenset(read(int, row, name, prefix=f"{PREFIX}{path}[].") for row in rows)
