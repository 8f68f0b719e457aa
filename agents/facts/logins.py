"""Login ports of a container: services that let a person in."""

from agents.facts.reading import Facts, read, read_rows

# ssh, telnet, rlogin, rsh, a usual second ssh port, RDP, VNC.
LOGIN_PORTS = frozenset({22, 23, 513, 514, 2222, 3389, 5900})
PREFIX = "containers[]."


def login_ports(container: Facts) -> list[int]:
    """Return the login ports that the container listens on or has published.

    In the host's network namespace every socket of the host is visible, so a row counts
    there only when a program of the container owns it.
    """
    ports = {
        read(int, row, "container_port", prefix=PREFIX + "published_ports[].")
        for row in read_rows(container, "published_ports", prefix=PREFIX)
    }
    own = _own_commands(container)
    for row in read_rows(container, "network.listening", prefix=PREFIX):
        port = read(int, row, "port", prefix=PREFIX + "network.listening[].")
        if port in LOGIN_PORTS and (own is None or _command(row) in own):
            ports.add(port)
    return sorted(ports & LOGIN_PORTS)


def _own_commands(container: Facts) -> frozenset[str] | None:
    """Return the container's programs, or None when every socket in sight is its own."""
    if not read(bool, container, "namespaces.network.is_host", prefix=PREFIX):
        return None
    rows = read_rows(container, "processes", prefix=PREFIX)
    prefix = PREFIX + "processes[]."
    return frozenset(read(str, row, "command", prefix=prefix) for row in rows)


def _command(row: Facts) -> str:
    return read(str, row, "command", prefix=PREFIX + "network.listening[].")
