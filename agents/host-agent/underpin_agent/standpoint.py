"""Where the agent itself stands: on the host, or shut in a container that it must not describe.

An agent in a container sees the container's files at ``/``. Reported as the host's they would be
false facts; so the sections that read them fail, and say what to give the agent.
"""

from . import mountinfo, namespaces
from .reading import ReadFailed

# These describe the agent itself and the machine, which is the same from every side.
TRUE_EVERYWHERE = ("agent", "platform")
NEEDS = "the host's file system below --root and the host's PID namespace"


def shut_in(host, reference_kind):
    """Why the host cannot be seen from here, or ``""``. ``reference_kind`` as ``Discovery`` has it.

    Only an agent that looks at ``/`` can take its own files for the host's.
    """
    if reference_kind != "kthreadd":
        own = namespaces.links(host, "self").get("pid")
        if own not in (None, namespaces.WELL_KNOWN["pid"]):
            return "the agent runs in a PID namespace of its own"
    if host.root == "/" and _own_files(host):
        return "the agent runs on the file system of a container"
    return ""


def _own_files(host):
    """True when PID 1 has another root file system than the agent; a mount namespace of one's own
    (ProtectSystem= of systemd.exec(5)) keeps the same."""
    try:
        roots = [_root_mount(host, one) for one in ("self", "1")]
    except ReadFailed:
        return False
    return None not in roots and roots[0] != roots[1]


def _root_mount(host, pid):
    """``(device, root)`` of what is mounted at ``/`` for a process, the last mount on top."""
    found = None
    for mount in mountinfo.parse(host.read("/proc/%s/mountinfo" % pid, mountinfo.MAX_BYTES)):
        if mount.point == "/":
            found = (mount.device, mount.root)
    return found
