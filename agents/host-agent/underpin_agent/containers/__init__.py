"""Facts of every container: ``container.identity`` and ``container.posture``."""

from ..enrichment.claims import claim_for
from . import devices, exposure, identity, isolation, limits, mounts, network, seccomp, settings
from .material import PREFIX, Material
from .network_child import read_namespaces
from .view import HostView

OPT_IN = {
    "set_id_files": "set_id_scan",
    "files.shells": "content_scan",
    "files.package_managers": "content_scan",
    "files.login_servers": "content_scan",
    "files.tools": "content_scan",
}
STEPS = (isolation, seccomp, mounts, exposure, devices, limits, settings, identity)


def collect_containers(context, keys=None):
    """``[{"key", "identity": body, "posture": body}]`` sorted by key, or those of ``keys`` only."""
    view = HostView(context)
    chosen = [one for one in context.discovery.containers if keys is None or one.key in keys]
    answers = _network_answers(context, chosen)
    return [_container(view, found, answers) for found in chosen]


def failed_container(key, reason):
    """The row of a container about which nothing could be collected."""
    identity = {"facts": {"key": key}, "unknowns": [{"path": "containers[]", "reason": reason}]}
    posture = {"facts": {}, "unknowns": [{"path": "containers[]", "reason": reason}]}
    return {"key": key, "identity": identity, "posture": posture}


def _network_answers(context, chosen):
    root = context.host.root.rstrip("/")
    paths = {"host": _host_namespace(context)}
    for found in chosen:
        paths[found.key] = "%s/proc/%d/ns/net" % (root, found.leader.pid)
    if len(paths) == 1:
        return {}
    return read_namespaces(paths, network.SYSCTLS)


def _host_namespace(context):
    """A namespace file of the host's network: of any process that lives in it, else PID 1's."""
    wanted = context.discovery.host_inodes.get("network")
    for process in context.processes:
        if wanted is not None and process.namespaces.get("network") == wanted:
            return "%s/proc/%d/ns/net" % (context.host.root.rstrip("/"), process.pid)
    return context.host.root.rstrip("/") + "/proc/1/ns/net"


def _container(view, found, answers):
    material = Material(view, found, claim_for(view, found))
    for step in STEPS:
        _run(material, step.__name__.rsplit(".", 1)[-1], step.gather)
    _run(material, "network", lambda one: network.gather(one, answers))
    for name, option in OPT_IN.items():
        material.missing(name, "scan switched off", "", "option " + option)
    identity_body = material.identity.as_body()
    identity_body["facts"].setdefault("key", found.key)
    return {"key": found.key, "identity": identity_body, "posture": material.posture.as_body()}


def _run(material, name, step):
    """One step; whatever breaks in it costs its rows only, and is said so."""
    try:
        step(material)
    except Exception as error:  # noqa: BLE001 outermost: a hostile container must not stop the rest
        reason = "the agent failed here: %s in %s" % (type(error).__name__, name)
        material.posture.missing(PREFIX.rstrip("."), reason)
