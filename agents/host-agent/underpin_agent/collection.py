"""One whole collection: every section and every container of a host."""

from . import __version__
from .collectors import COLLECTORS
from .containers import ContainerReader, collect_containers
from .context import Context
from .discovery import discover
from .processes import read_processes
from .reading import Denied, Host, ReadFailed
from .standpoint import NEEDS, TRUE_EVERYWHERE, shut_in
from .survey import marks

SCHEMA = "underpin/collection/1"


def collect(root="/", org_salt=b"", options=None):
    """The Collection of the host below ``root``. Never raises for what the host shows or hides."""
    try:
        context = build_context(root, org_salt, options)
    except ReadFailed as failure:
        return _nothing(failure)
    return {
        "schema": SCHEMA,
        "agent_version": __version__,
        "sections": collect_sections(context),
        "containers": collect_containers(context),
    }


class Reader:
    """Reads a host item by item; what the items share is read once. Raises ReadFailed when /proc
    cannot be read."""

    def __init__(self, root="/", org_salt=b"", options=None):
        self.context = build_context(root, org_salt, options)
        self._containers = None

    def marks(self):
        """``{container: mark}`` as the process table shows them."""
        return marks(self.context)

    def read(self, kind, name):
        """The body of a section, the row of a container, or ``{"error", "needs"}``."""
        if kind == "section":
            return run_collector(name, self.context)
        if self._containers is None:
            self._containers = ContainerReader(self.context)
        return self._containers.row(name)


def build_context(root="/", org_salt=b"", options=None):
    """The ``Context`` of one collection. Raises ReadFailed when /proc cannot be read."""
    host = Host(root)
    host.kept = {}
    processes = read_processes(host)
    known = Context(host, processes, None)
    chosen = {**known.options, **(options or {})}
    found = discover(host, processes)
    return Context(host, processes, found, chosen, org_salt, shut_in(host, found.reference_kind))


def collect_sections(context, names=None):
    """``{name: body or {"error", "needs"}}`` of every collector, or of ``names`` only."""
    return {
        name: run_collector(name, context) for name in COLLECTORS if names is None or name in names
    }


def run_collector(name, context):
    """The body of one section; a collector that fails costs its own section only."""
    if context.shut_in and name not in TRUE_EVERYWHERE:
        return {"error": context.shut_in, "needs": NEEDS}
    try:
        return COLLECTORS[name](context).as_body(context.org_salt)
    except Denied as failure:
        return {"error": failure.errno_name, "needs": "read access to " + failure.path}
    except ReadFailed as failure:
        return {"error": failure.errno_name, "needs": failure.path}
    except Exception as error:  # noqa: BLE001 outermost: one collector must not stop the others
        # Its text may quote what the collector could not understand, a password for one.
        return {"error": type(error).__name__, "needs": ""}


def _nothing(failure):
    reason = {"error": failure.errno_name, "needs": "a readable /proc"}
    sections = {name: dict(reason) for name in COLLECTORS}
    return {"schema": SCHEMA, "agent_version": __version__, "sections": sections, "containers": []}
