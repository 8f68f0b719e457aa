"""Installing the agent as a systemd service: three files, and nothing started.

No program is run from here, not even systemctl: the last step is the administrator's, and the text
printed at the end says it. ``destination`` puts all files below another folder, for images.
"""

import contextlib
import os
import re
import sys

from .client import ServerAddressError, parse_server
from .state import DEFAULT_FOLDER, Busy, State

PROGRAM = "/usr/local/lib/underpin/underpin-agent.pyz"
UNIT = "/etc/systemd/system/underpin-agent.service"
SETTINGS = "/etc/underpin/agent.env"
UNIT_IN_ARCHIVE = "underpin_agent/underpin-agent.service"
# systemd.exec(5) reads quotes, backslashes and dollars in an EnvironmentFile; none is let in.
PLAIN = re.compile(r"[A-Za-z0-9._:/=@,+-]{1,255}\Z")
START = "sudo systemctl enable --now underpin-agent"
STOP = "sudo systemctl disable --now underpin-agent"


class CannotInstall(Exception):
    """The files cannot be put in place; the text says why and what to do."""


def install(options, destination=""):
    """Write program, unit and settings; returns lines to print.

    A second call replaces the program and the unit, and the settings only when a server is given.
    Raises CannotInstall, and OSError from the disk.
    """
    archive = _archive()
    _may_write_the_system(destination)
    settings = _settings(options) if options.server else None
    if settings is None and not os.path.exists(destination + SETTINGS):
        text = "give the server's address with --server"
        raise CannotInstall(text)
    with open(archive, "rb") as file:
        _write(destination + PROGRAM, file.read(), 0o755)
    _write(destination + UNIT, _unit(), 0o644)
    if settings is not None:
        _write(destination + SETTINGS, settings, 0o600)
    return [
        "installed %s, %s and %s" % (PROGRAM, UNIT, SETTINGS),
        "start it: %s" % START,
        "after an upgrade: sudo systemctl restart underpin-agent",
    ]


def uninstall(options, destination=""):
    """Remove program and unit; with ``options.purge`` settings and the key too. Returns lines.

    Raises CannotInstall while the agent runs, and OSError from the disk.
    """
    _may_write_the_system(destination)
    state = State(destination + DEFAULT_FOLDER)
    if os.path.isdir(state.folder):
        try:
            state.open()
        except Busy:
            text = "the agent runs; stop it first: %s" % STOP
            raise CannotInstall(text) from None
        state.close()
    _remove(destination + UNIT)
    if options.purge:
        _remove(destination + SETTINGS)
        for name in os.listdir(state.folder) if os.path.isdir(state.folder) else ():
            _remove(os.path.join(state.folder, name))
        with contextlib.suppress(OSError):  # folders inside hold no key; they may stay
            os.rmdir(state.folder)
    _remove(destination + PROGRAM)
    if options.purge:
        return ["removed the agent, its settings and its key"]
    return ["removed the agent; its key and settings stay, so that it can come back as this host"]


def _archive():
    """The path of the one file that this module was loaded from."""
    archive = getattr(__loader__, "archive", None)
    if archive is None:
        text = "run this from the built underpin-agent.pyz"
        raise CannotInstall(text)
    return archive


def _may_write_the_system(destination):
    if destination:
        return
    if os.geteuid() != 0:
        text = "installing needs root; without root: %s run --state ~/.underpin-agent …" % (
            os.path.basename(sys.argv[0])
        )
        raise CannotInstall(text)
    if not os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        text = "systemd does not run here; use the agent's container, or start `run` yourself"
        raise CannotInstall(text)


def _unit():
    """The unit with the interpreter that runs now."""
    text = __loader__.get_data(os.path.join(_archive(), UNIT_IN_ARCHIVE)).decode()
    return text.replace("/usr/bin/python3", sys.executable).encode()


def _settings(options):
    try:
        parse_server(options.server, allow_http=options.allow_http)
    except ServerAddressError as error:
        raise CannotInstall(str(error)) from None
    more = ["--allow-http"] if options.allow_http else []
    for name, value in (("--ca-file", options.ca_file), ("--name", options.name)):
        more += [name, value] if value else []
    for label in options.label:
        more += ["--label", label]
    for value in (options.server, options.token or "-", *more):
        if not PLAIN.match(value):
            text = "%r cannot stand in the settings: letters, digits and ._:/=@,+- only" % value
            raise CannotInstall(text)
    lines = (
        "# Read by systemd. Once the host is enrolled the token may go.",
        "UNDERPIN_SERVER=%s" % options.server,
        "UNDERPIN_ENROL_TOKEN=%s" % options.token,
        "UNDERPIN_OPTIONS=%s" % " ".join(more),
    )
    return ("\n".join(lines) + "\n").encode()


def _write(path, content, mode):
    """Replace ``path`` in one step: a program that runs from it goes on with the old file."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    fresh = "%s.%d" % (path, os.getpid())
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def _remove(path):
    with contextlib.suppress(FileNotFoundError, IsADirectoryError):
        os.unlink(path)
