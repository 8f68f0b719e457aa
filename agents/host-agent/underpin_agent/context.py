"""What every collector gets: the host door and what the core already read from it."""

from dataclasses import dataclass, field

OPTIONS = (
    "set_id_scan",
    "content_scan",
    "tls_probe",
    "log_secret_scan",
    "send_exec_arguments",
)


@dataclass(frozen=True)
class Context:
    """One collection: ``options`` has the keys of ``agent.options``, all off unless set.

    ``processes`` is a ``processes.ProcessTable``, ``discovery`` a ``discovery.Discovery``.
    ``org_salt`` keys every HMAC that leaves the host.
    """

    host: object
    processes: object
    discovery: object
    options: dict = field(default_factory=lambda: dict.fromkeys(OPTIONS, False))
    org_salt: bytes = b""
