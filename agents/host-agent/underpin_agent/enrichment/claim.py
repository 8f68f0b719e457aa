"""What one runtime says about one container, in one shape for all runtimes."""

from ..record import Record


class Claim(Record):
    """``None`` means not known; ``reasons`` says why for everything that came from no source.

    ``reference`` is api, bundle, shim or none: the best source that claims the container.
    """

    runtime: str = "unknown"
    engine_pid: int = 0  # its daemon or monitor in the process table, 0: not known
    reference: str = "none"
    name: object = None
    image_id: object = None
    image_reference: object = None
    pod: object = None
    labels: object = None
    privileged: object = None
    ports: object = None
    networks: object = None  # {name: (mac address, network id)}
    restart: object = None  # (policy, max_retries)
    health: object = None
    log: object = None  # (driver, options)
    log_path: object = None
    log_default: object = None  # (driver, options) of the engine at present
    terminal: object = None
    stdin_open: object = None
    quota_set: object = None
    cgroup_parent_default: object = None
    declared_limits: dict = dict
    spec: dict = dict  # OCI bundle config.json
    reason: str = "no runtime claims this container"
    errno: str = ""
    needs: str = "read access to the state of the runtime"

    @property
    def annotations(self):
        """Annotations of the bundle; an empty dict without one."""
        found = self.spec.get("annotations")
        return found if isinstance(found, dict) else {}
