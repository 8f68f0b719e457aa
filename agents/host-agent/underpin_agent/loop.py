"""The daemon: enrol once, then collect and deliver every interval until told to stop."""

import random
import re
import signal
import sys
import time
from dataclasses import dataclass, field

from . import enrolment
from .backoff import HEARTBEAT_CAP_SECONDS, OTHER_CAP_SECONDS, REVOKED_SECONDS, Backoff
from .client import Unreachable
from .delivery import Delivery
from .fingerprint import boot_id, combined, evidence
from .heartbeat import Standing
from .state import reserved_counter

INTERVAL_BOUNDS = (30, 3600)
REENROL_SECONDS = 3600.0
EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_LATER = 0, 3, 4, 5
RECENT_BOOT_SECONDS = 180.0
OUTAGE_FAILURES, OUTAGE_SPREAD_SECONDS = 3, 300.0


@dataclass
class Settings:
    """How ``run`` was asked to work."""

    server: str
    token: str = ""
    name: str = ""
    labels: dict = field(default_factory=dict)
    interval: float = 60.0
    org_salt: bytes = b""


class Stop(Exception):
    """Leave the loop with ``code``."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def say(text):
    """One line for the journal; control characters of servers and hosts are shown, not sent."""
    shown = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
    sys.stderr.write("underpin-agent: %s\n" % shown)
    sys.stderr.flush()


class Loop:
    """One agent at work. ``collector.index()`` gives an ``Index``; ``sleep`` and ``pick`` vary
    in tests."""

    def __init__(self, settings, *, client, state, host, collector, sleep=time.sleep, pick=None):
        self.settings = settings
        self.client, self.state, self.host = client, state, host
        self.collector, self.sleep = collector, sleep
        self.pick = pick or random.uniform
        self.interval = settings.interval
        self.beats = Backoff(HEARTBEAT_CAP_SECONDS, self.pick)
        self.others = Backoff(OTHER_CAP_SECONDS, self.pick)
        self.counter = reserved_counter(state)
        self.delivery = None
        self.held_until = 0.0
        self.enrolled_at = None
        self.must_enrol = False  # the server forgot the key; it is replaced when the new one holds

    def once(self):
        """Enrol if needed, collect, deliver. Returns an exit code."""
        try:
            self._ensure_enrolled()
            outcome = self.delivery.deliver(self.collector.index())
        except Unreachable as failure:
            say("the server cannot be reached: %s" % failure)
            return EXIT_UNREACHABLE
        except enrolment.Refused as refusal:
            say("enrolment refused: %s" % refusal)
            return EXIT_REFUSED
        except enrolment.NotYet as later:
            say(str(later))
            return EXIT_LATER
        if outcome.standing is Standing.GONE:
            enrolment.forget(self.state)
        if outcome.standing is not Standing.FINE:
            say("not delivered: %s %s" % (outcome.standing.value, outcome.detail))
            return EXIT_REFUSED
        return EXIT_OK

    def run(self):
        """Work until SIGTERM or until the server removes this agent. Returns an exit code."""
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        try:
            self._wait_after_boot()
            while True:
                self.sleep(self.cycle())
        except Stop as stop:
            return stop.code

    def cycle(self):
        """One collection and delivery. Returns the seconds until the next. Raises Stop."""
        try:
            self._ensure_enrolled()
            index = self.collector.index()
            hold = time.monotonic() < self.held_until
            outcome = self.delivery.deliver(index, hold_index=hold)
        except Unreachable as failure:
            say("the server cannot be reached: %s" % failure)
            return self.beats.next_seconds()
        except enrolment.NotYet as later:
            say(str(later))
            return self.others.next_seconds(later.retry_after)
        except enrolment.Refused as refusal:
            say("enrolment refused: %s" % refusal)
            if self.must_enrol:
                self.must_enrol = False
                return REENROL_SECONDS * self.pick(1.0, 1.5)
            raise Stop(EXIT_REFUSED) from None
        return self._after(outcome)

    def _after(self, outcome):
        self._configure(dict(outcome.config))
        if outcome.detail:
            say(outcome.detail)
        if outcome.standing is Standing.FINE:
            return self._next_tick()
        if outcome.standing is Standing.GONE:
            say("the server removed this agent; its secret is erased")
            enrolment.forget(self.state)
            raise Stop(EXIT_OK)
        if outcome.standing is Standing.UNKNOWN:
            return self._enrol_again()
        if outcome.standing in (Standing.REVOKED, Standing.OLD):
            say("the server does not accept this agent: %s" % outcome.standing.value)
            return REVOKED_SECONDS * self.pick(0.5, 1.5)
        if outcome.standing is Standing.CLONE:
            say("two machines use this agent's key; enrol one of them again")
        backoff = self.beats if outcome.path == "hb" else self.others
        return backoff.next_seconds(outcome.retry_after)

    def _next_tick(self):
        if self.beats.failures >= OUTAGE_FAILURES:
            self.held_until = time.monotonic() + self.pick(0.0, OUTAGE_SPREAD_SECONDS)
        self.beats.clear()
        self.others.clear()
        return self.interval * self.pick(0.95, 1.05)

    def _enrol_again(self):
        now = time.monotonic()
        too_soon = self.enrolled_at is not None and now - self.enrolled_at < REENROL_SECONDS
        if not self.settings.token or too_soon:
            say("the server does not know this agent")
            return self.others.next_seconds()
        say("the server does not know this agent; enrolling again")
        self.delivery, self.must_enrol = None, True
        return self.others.next_seconds()

    def _configure(self, config):
        """Pushed settings: data with bounds; one value out of range refuses all of it."""
        interval = config.get("interval")
        if interval is None:
            return
        low, high = INTERVAL_BOUNDS
        if isinstance(interval, bool) or not isinstance(interval, int):
            say("pushed configuration refused: interval is no number")
        elif not low <= interval <= high:
            say("pushed configuration refused: interval out of range")
        elif interval != self.interval:
            self.interval = float(interval)

    def _ensure_enrolled(self):
        if self.delivery is not None:
            return
        identity = enrolment.load_identity(self.state, self.settings.server)
        identity = self._unless_copied(identity)
        if identity is None or self.must_enrol:
            identity = self._enrol()
            self.must_enrol = False
        boot = boot_id(self.host)
        self.delivery = Delivery(self.client, self.state, identity, boot, self.counter)
        config = self.state.read("config.json")
        self._configure(config)
        salt = config.get("org_salt")
        if isinstance(salt, str) and re.fullmatch("(?:[0-9a-f]{2}){8,64}", salt):
            self.collector.use_salt(bytes.fromhex(salt))

    def _unless_copied(self, identity):
        """None when the state was made on another machine: a copied image enrols anew."""
        if identity is None:
            return None
        found = evidence(self.host)
        if not found or identity.fingerprint == combined(found):
            return identity
        say("this state folder was made on another machine; its key is dropped")
        enrolment.forget(self.state)
        return None

    def _enrol(self):
        if not self.settings.token:
            text = "not enrolled yet; give an enrolment token"
            raise enrolment.Refused(text)
        identity = enrolment.enrol(
            self.client,
            self.state,
            self.host,
            server=self.settings.server,
            token=self.settings.token,
            name=self.settings.name,
            labels=self.settings.labels,
        )
        self.enrolled_at = time.monotonic()
        say("enrolled as %s" % identity.host_id)
        return identity

    def _wait_after_boot(self):
        """Hosts that boot together must not call together."""
        try:
            uptime = float(self.host.line("/proc/uptime").split()[0])
        except Exception:  # noqa: BLE001 a wait is not worth failing for
            return
        if uptime < RECENT_BOOT_SECONDS:
            self.sleep(self.pick(0.0, 60.0))


def _stop(_number, _frame):
    raise Stop(EXIT_OK)
