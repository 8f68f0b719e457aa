"""Facts of every container: ``container.identity`` and ``container.posture``."""

from ..discovery import MAX_CONTAINERS
from ..enrichment.claims import claim_for
from . import (
    devices,
    exposure,
    file_scan,
    identity,
    isolation,
    limits,
    mounts,
    network,
    seccomp,
    settings,
)
from .material import PREFIX, Material
from .network_namespaces import Networks
from .view import HostView

# What root can do depends on the set-id files: they are searched first.
STEPS = (file_scan, isolation, seccomp, mounts, exposure, devices, limits, settings, identity)


def collect_containers(context, keys=None):
    """``[{"key", "identity": body, "posture": body}]`` sorted by key, or those of ``keys`` only."""
    reader = ContainerReader(context)
    chosen = context.discovery.containers[:MAX_CONTAINERS]
    chosen = [one for one in chosen if keys is None or one.key in keys]
    return [reader.row(found.key) for found in chosen]


class ContainerReader:
    """Reads containers one by one; the host's side of all comparisons is read once."""

    def __init__(self, context):
        self._found = {one.key: one for one in context.discovery.containers}
        self._view = HostView(context)
        self._networks = Networks(context, network.SYSCTLS)

    def row(self, key):
        """``{"key", "identity": body, "posture": body}``."""
        return _container(self._view, self._found[key], self._networks)


def failed_container(key, reason):
    """The row of a container about which nothing could be collected."""
    identity = {"facts": {"key": key}, "unknowns": [{"path": "containers[]", "reason": reason}]}
    posture = {"facts": {}, "unknowns": [{"path": "containers[]", "reason": reason}]}
    return {"key": key, "identity": identity, "posture": posture}


def _container(view, found, answers):
    material = Material(view, found, claim_for(view, found))
    for step in STEPS:
        _run(material, step.__name__.rsplit(".", 1)[-1], step.gather)
    _run(material, "network", lambda one: network.gather(one, answers))
    salt = view.context.org_salt
    identity_body = material.identity.as_body(salt)
    identity_body["facts"].setdefault("key", found.key)
    return {"key": found.key, "identity": identity_body, "posture": material.posture.as_body(salt)}


def _run(material, name, step):
    """One step; whatever breaks in it costs its rows only, and is said so."""
    try:
        step(material)
    except Exception as error:  # noqa: BLE001 outermost: a hostile container must not stop the rest
        reason = "the agent failed here: %s in %s" % (type(error).__name__, name)
        material.posture.missing(PREFIX.rstrip("."), reason)
