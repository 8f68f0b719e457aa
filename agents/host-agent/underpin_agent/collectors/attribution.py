"""``runtimes[].attribution_methods``: by what a request to an engine can be tied to a person."""

from . import audit
from .gathering import Unknown


def attribution_methods(context, engine, facts):
    """Methods that work on this host now, whoever reads the records. Raises Unknown.

    peer-lookup is not among them: it needs an agent that watches the socket, this one samples.
    """
    methods = []
    state = audit.read(context)
    if state.failure is not None:
        raise Unknown(reason="the audit rules could not be read", needs="CAP_AUDIT_CONTROL")
    if state.enabled and state.daemon and _all_covered(state, engine.sockets):
        methods.append("audit-connect")
    if engine.kind in ("podman", "crio") and state.enabled and state.daemon:
        methods.append("inherit")
    doors = facts.get("tcp_listeners") or []
    verified = bool(doors) and all(door["verifies_clients"] for door in doors)
    if verified and facts.get("authorization_plugins"):
        methods.append("authz-tls")
    return sorted(methods)


def _all_covered(state, sockets):
    return bool(sockets) and not audit.missing_connect_rules(state.rules, sockets)
