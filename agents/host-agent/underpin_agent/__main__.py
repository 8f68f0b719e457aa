"""Command line of the Underpin host agent."""

import argparse
import json
import os
import socket
import sys

from . import __version__, enrolment
from .canonical import LONE
from .client import Client, ServerAddressError, Unreachable
from .collection import collect
from .events.recorder import Events
from .fingerprint import boot_id
from .isolation import Isolated
from .loop import EXIT_LATER, EXIT_REFUSED, EXIT_UNREACHABLE, Loop, Settings, say
from .memory import Guard, settle
from .policy_file import DEFAULT_FILE, PolicyError, load_policy
from .reading import Host
from .sampling.child import Samples
from .state import DEFAULT_FOLDER, Busy, State, StateError

DESCRIPTION = "Reads how well this host separates its containers, and reports it to Underpin."
EXIT_CODES = """exit codes: 0 done, 2 wrong usage, unusable state folder or policy file, 3 refused
by the server, or another agent is at work here, 4 server not reachable, 5 the server has not
decided yet"""


def build_parser():
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="underpin-agent", description=DESCRIPTION, epilog=EXIT_CODES
    )
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    one = commands.add_parser("collect", help="print the facts of this host; sends nothing")
    _host_options(one)
    one.add_argument(
        "--json", action="store_true", help="print JSON (the default without a choice)"
    )
    one.add_argument("--explain", action="store_true", help="print what could not be read, and why")
    one = commands.add_parser("enrol", help="make this host known to a server")
    _server_options(one)
    _host_options(one)
    one = commands.add_parser("run", help="collect and report until stopped")
    _server_options(one)
    _host_options(one)
    text = "at least so many seconds between rounds, 30-3600 (default: as the server says)"
    one.add_argument("--interval", type=_interval, default=0, metavar="S", help=text)
    text = "local policy file (default %s)" % DEFAULT_FILE
    one.add_argument("--policy", default=DEFAULT_FILE, metavar="FILE", help=text)
    one.add_argument("--once", action="store_true", help="collect and report once, then end")
    _install_commands(commands)
    commands.add_parser("version", help="print the version")
    return parser


def _install_commands(commands):
    one = commands.add_parser("install", help="put the agent in place as a systemd service")
    _server_options(one, server_needed=False)
    uninstalling = commands.add_parser("uninstall", help="remove the systemd service again")
    text = "remove the settings and this host's key as well"
    uninstalling.add_argument("--purge", action="store_true", help=text)
    for parser in (one, uninstalling):
        text = "put the files below this folder, for making an image"
        parser.add_argument("--destination", default="", metavar="DIR", help=text)


def _host_options(parser):
    text = "folder where the host's file system is mounted (default /)"
    parser.add_argument("--root", default="/", metavar="DIR", help=text)
    text = "hexadecimal key for the HMAC of the machine id"
    parser.add_argument("--org-salt", type=bytes.fromhex, default=b"", metavar="HEX", help=text)


def _server_options(parser, *, server_needed=True):
    text = "address of the server, https://…"
    parser.add_argument("--server", required=server_needed, metavar="URL", default="", help=text)
    text = "enrolment token (or UNDERPIN_ENROL_TOKEN)"
    parser.add_argument("--token", default=os.environ.get("UNDERPIN_ENROL_TOKEN", ""), help=text)
    parser.add_argument("--name", default="", metavar="N", help="name to show (default: host name)")
    text = "label to show with the host; may be given again"
    parser.add_argument("--label", action="append", default=[], metavar="KEY=VALUE", help=text)
    text = "state folder (default %s)" % DEFAULT_FOLDER
    parser.add_argument("--state", default=DEFAULT_FOLDER, metavar="DIR", help=text)
    parser.add_argument("--ca-file", metavar="FILE", help="trust only this certificate authority")
    text = "allow plain http to another machine; facts and keys are then readable on the way"
    parser.add_argument("--allow-http", action="store_true", help=text)


def _interval(text):
    seconds = int(text)
    if not 30 <= seconds <= 3600:
        message = "must be 30 to 3600"
        raise argparse.ArgumentTypeError(message)
    return seconds


def command_collect(options):
    """Print one Collection, or with --explain what is missing in it."""
    collection = collect(options.root, options.org_salt)
    if options.explain:
        for line in explain(collection):
            sys.stdout.write(line + "\n")
    if options.json or not options.explain:
        text = json.dumps(collection, sort_keys=True, indent=1, ensure_ascii=False)
        sys.stdout.buffer.write(LONE.sub("?", text).encode() + b"\n")
    return 0


def explain(collection):
    """Lines that say which facts are missing, why, and what would help."""
    for name, body in sorted(collection["sections"].items()):
        if "error" in body:
            yield "%s: failed: %s %s" % (name, body["error"], body.get("needs", ""))
    seen = set()
    bodies = [body for body in collection["sections"].values() if "unknowns" in body]
    for row in collection["containers"]:
        bodies += [row["identity"], row["posture"]]
    for body in bodies:
        for entry in body["unknowns"]:
            line = "%s: %s" % (entry["path"], entry["reason"])
            line += " (%s)" % entry["errno"] if "errno" in entry else ""
            line += "; needs %s" % entry["needs"] if entry.get("needs") else ""
            if line not in seen:
                seen.add(line)
                yield "".join(one if one.isprintable() else repr(one)[1:-1] for one in line)


def _opened(options):

    client = Client(options.server, ca_file=options.ca_file, allow_http=options.allow_http)
    state = State(options.state)
    state.open()
    return client, state


def _labels(options):
    return dict(row.partition("=")[::2] for row in options.label)


def _name(options):
    return options.name or socket.gethostname()


def command_enrol(options):
    """Enrol and keep the key in the state folder."""
    client, state = _opened(options)
    known = enrolment.load_identity(state, options.server)
    if known is not None:
        say("already enrolled as %s" % known.host_id)
        return 0
    if not options.token:
        say("give an enrolment token with --token")
        return 2
    if state.trouble:
        say("the key could not be kept: %s" % state.trouble)
        return 2
    try:
        identity = enrolment.enrol(
            client,
            state,
            Host(options.root),
            server=options.server,
            token=options.token,
            name=_name(options),
            labels=_labels(options),
        )
    except Unreachable as failure:
        say("the server cannot be reached: %s" % failure)
        return EXIT_UNREACHABLE
    except enrolment.NotYet as later:
        say(str(later))
        return EXIT_LATER
    except enrolment.Refused as refusal:
        say("enrolment refused: %s" % refusal)
        return EXIT_REFUSED
    say("enrolled as %s" % identity.host_id)
    return 0


def command_run(options):
    """The daemon, or one round of it."""
    client, state = _opened(options)
    settings = Settings(
        options.server,
        token=options.token,
        name=_name(options),
        labels=_labels(options),
        interval=options.interval,
        policy=load_policy(options.policy),
    )
    host = Host(options.root)
    loop = Loop(
        settings,
        client=client,
        state=state,
        host=host,
        collector=Isolated(options.root, options.org_salt),
        samples=None if options.once else Samples(options.root),
        events=None if options.once else Events(options.state, host, boot=boot_id(host), say=say),
    )
    if options.once:
        return loop.once()
    settle()
    loop.guard = Guard()
    return loop.run()


def command_files(options):
    """``install`` or ``uninstall``, loaded only here: the running agent needs neither."""
    from . import install  # noqa: PLC0415

    work = {"install": install.install, "uninstall": install.uninstall}[options.command]
    try:
        lines = work(options, options.destination)
    except install.CannotInstall as error:
        say(str(error))
        return 2
    sys.stdout.write("".join(line + "\n" for line in lines))
    return 0


def main(arguments=None):
    """Run one command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    if options.command == "version":
        sys.stdout.write("underpin-agent %s\n" % __version__)
        return 0
    command = {"collect": command_collect, "enrol": command_enrol, "run": command_run}
    try:
        return command.get(options.command, command_files)(options)
    except Busy as error:
        sys.stderr.write("underpin-agent: %s\n" % error)
        return EXIT_REFUSED
    except (ServerAddressError, StateError, PolicyError) as error:
        sys.stderr.write("underpin-agent: %s\n" % error)
        return 2
    except OSError as error:
        sys.stderr.write("underpin-agent: %s\n" % error)
        return 2


if __name__ == "__main__":
    sys.exit(main())
