"""What every collector gets: the host door and what the core already read from it."""

OPTIONS = (
    "set_id_scan",
    "content_scan",
    "tls_probe",
    "log_secret_scan",
    "send_exec_arguments",
)


class Context:
    """One collection: ``options`` has the keys of ``agent.options``, all off unless set.

    ``processes`` is a ``processes.ProcessTable``, ``discovery`` a ``discovery.Discovery``.
    ``org_salt`` keys every HMAC that leaves the host. ``shut_in`` says why the host cannot be seen
    from where the agent runs, ``""`` when it can.
    """

    __slots__ = ("discovery", "host", "options", "org_salt", "processes", "shut_in")

    def __init__(self, host, processes, discovery, options=None, org_salt=b"", shut_in=""):
        self.host = host
        self.processes = processes
        self.discovery = discovery
        self.options = dict.fromkeys(OPTIONS, False) if options is None else options
        self.org_salt = org_salt
        self.shut_in = shut_in
