"""``manage.py run``: the embedded workbench, with this machine enrolled."""

import secrets
import signal
import socket
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from agents.services import local_agent
from workbench.core.accounts.bootstrap import installation_open

ADDRESS = "127.0.0.1"
BLOCKING_THREADS = 4


class Command(BaseCommand):
    """Serve pages, work in the background, collect facts of this machine; ends on SIGTERM."""

    help = "Run the embedded workbench on this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        """``--port``: the TCP port on 127.0.0.1."""
        parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1")

    def handle(self, *_args: Any, port: int, **_options: Any) -> None:
        """Prepare the database, print the way in, serve until stopped."""
        if settings.MODE != "embedded":
            message = "run is for the embedded mode; production is started by docker compose"
            raise CommandError(message)
        check_port(port)
        signal.signal(signal.SIGTERM, leave)  # until the server takes the signal over
        call_command("migrate", verbosity=0)
        first = installation_open(now=timezone.now())
        local_agent.program_build()
        state_folder = settings.DATA_DIR / "agent"
        server = f"http://{ADDRESS}:{port}"
        secret = ""
        if not local_agent.is_enrolled(state_folder, server=server):
            secret = f"ue_{secrets.token_urlsafe(24)}"
            workspace = first.membership.workspace
            local_agent.token_for_this_machine(workspace, now=timezone.now(), secret=secret)
        self.stdout.write(f"\n  Underpin runs at {server}/")
        self.stdout.write(f"  Sign in once with {server}/login/once/{first.secret}/")
        self.stdout.write("  The link works once, for 24 hours. Stop with Ctrl-C.\n")
        self.stdout.flush()
        with local_agent.running(server=server, state_folder=state_folder, secret=secret):
            serve(port)


def leave(*_: object) -> NoReturn:
    """End on SIGTERM so that the agent's block ends too."""
    raise SystemExit(0)


def check_port(port: int) -> None:
    """Raises CommandError when the port is taken, before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except (OSError, OverflowError) as error:
            message = f"port {port} cannot be used ({error}); choose another: make run PORT=8123"
            raise CommandError(message) from None


def serve(port: int) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    Granian(
        "workbench.wsgi:application",
        address=ADDRESS,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        websockets=False,
        log_access=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
    ).serve()
