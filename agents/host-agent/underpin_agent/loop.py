"""The daemon: enrol once, then collect and deliver every interval until told to stop."""

import contextlib
import signal
import sys
import time

from . import enrolment
from .backoff import HEARTBEAT_CAP_SECONDS, OTHER_CAP_SECONDS, REVOKED_SECONDS, Backoff, uniform
from .client import Unreachable, Untrusted
from .configuration import ConfigurationRefused, parse
from .delivery import Delivery
from .facts import Outcome
from .fingerprint import boot_id
from .heartbeat import Standing
from .membership import REENROL_SECONDS, Membership
from .policy_file import Policy
from .pushed import Pushed
from .state import reserved_counter
from .ticks import phase_of, seconds_until_tick, wait_after_boot

INTERVAL_SECONDS = 60.0
EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_LATER = 0, 3, 4, 5
OUTAGE_FAILURES, OUTAGE_SPREAD_SECONDS = 3, 300.0
REFUSED_KEY = {
    Standing.REVOKED: "its key was revoked; it asks again in some hours",
    Standing.OLD: "the server needs a newer agent",
}


class Settings:
    """How ``run`` was asked to work. ``interval``: at least so many seconds between rounds."""

    __slots__ = ("interval", "labels", "name", "policy", "server", "token")

    def __init__(self, server, *, token="", name="", labels=None, interval=0, policy=None):
        self.server, self.token, self.name = server, token, name
        self.labels, self.interval = labels or {}, interval
        self.policy = policy or Policy()


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


def say_unreachable(failure):
    """A server whose certificate does not hold is something else than one that is down."""
    known = "is not trusted" if isinstance(failure, Untrusted) else "cannot be reached"
    say("the server %s: %s" % (known, failure))


def use_configuration(configuration, *parts):
    """Hand it to each part that has a ``use_configuration``."""
    for part in parts:
        use = getattr(part, "use_configuration", None)
        if use is not None:
            use(configuration)


@contextlib.contextmanager
def working(events, samples):
    """Events say when the agent began and ended; the sampler ends with it."""
    if events is not None:
        events.start()
    try:
        yield
    finally:
        for part in (events, samples):
            if part is not None:
                part.stop()


class Loop:
    """One agent at work. ``collector.index()`` gives an ``Index``, ``samples`` and ``events`` are
    as ``Delivery`` takes them, and end with ``stop()``; ``sleep``, ``pick`` and ``clock`` vary in
    tests."""

    def __init__(
        self, settings, *, client, state, host, collector, samples=None, events=None,
        sleep=time.sleep, pick=uniform, clock=time.monotonic, wall=time.time,
    ):  # fmt: skip
        self.settings = settings
        self.client, self.state, self.host = client, state, host
        self.collector, self.samples, self.events = collector, samples, events
        self.sleep, self.pick, self.clock, self.wall = sleep, pick, clock, wall
        self.membership = Membership(
            settings, client=client, state=state, host=host, say=say, clock=clock
        )
        self.beats = Backoff(HEARTBEAT_CAP_SECONDS, pick)
        self.others = Backoff(OTHER_CAP_SECONDS, pick)
        self.counter = reserved_counter(state)
        self.interval = INTERVAL_SECONDS
        self.delivery = self.pushed = None
        self.guard = None  # of memory; a ``memory.Guard`` where the process is the agent's own
        self.is_revoked = False
        self._hold_until = 0.0  # no facts before
        self._rotate_after = 0.0
        self._trouble = ""

    def once(self):
        """Enrol if needed, collect, deliver. Returns an exit code."""
        with working(self.events, self.samples):
            return self._once()

    def _once(self):
        try:
            self._ensure_enrolled()
            outcome = self.delivery.deliver(self._collected(), etag=self.pushed.etag)
        except Unreachable as failure:
            say_unreachable(failure)
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
        self._follow(outcome)
        return EXIT_OK

    def run(self):
        """Work until SIGTERM or until the server removes this agent. Returns an exit code."""
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        try:
            with working(self.events, self.samples):
                self.sleep(wait_after_boot(self.host, self.pick))
                while self.guard is None or not self.guard.is_over():
                    self.sleep(self.cycle())
        except Stop as stop:
            return stop.code
        say("the agent takes too much memory; it begins anew")
        return self.guard.begin_anew(self.collector.stuck)

    def cycle(self):
        """One collection and delivery. Returns the seconds until the next. Raises Stop."""
        try:
            self._ensure_enrolled()
            if self.is_revoked:
                outcome = self._ask_again()
            else:
                outcome = self.delivery.deliver(
                    self._collected(), hold_index=self._holds(), etag=self.pushed.etag
                )
        except Unreachable as failure:
            say_unreachable(failure)
            return self.beats.next_seconds()
        except enrolment.NotYet as later:
            say(str(later))
            return self.others.next_seconds(later.retry_after)
        except enrolment.Refused as refusal:
            say("enrolment refused: %s" % refusal)
            if self.membership.must_enrol:
                self.membership.must_enrol = False
                return REENROL_SECONDS * self.pick(1.0, 1.5)
            raise Stop(EXIT_REFUSED) from None
        return self._after(outcome)

    def _collected(self):
        """The index; everything is read anew for the daily self-check."""
        if self.delivery.facts.full.is_due():
            index = self.collector.index(everything=True)
        else:
            index = self.collector.index()
        if self.events is not None:
            self.events.observe(index)
        return index

    def _holds(self):
        """Facts wait when heartbeats failed for a while, and after a failed index."""
        return self.beats.failures >= OUTAGE_FAILURES or self.clock() < self._hold_until

    def _ask_again(self):
        """While the key is revoked, no data: a heartbeat of what the server has."""
        answer = self.delivery.beat(self.delivery.facts.accepted, etag=self.pushed.etag)
        return Outcome(answer.standing, "hb", answer.retry_after)

    def _after(self, outcome):
        """What follows from an outcome; the seconds until the next round. Raises Stop."""
        if outcome.detail:
            say(outcome.detail)
        self.is_revoked = outcome.standing is Standing.REVOKED
        if outcome.standing is Standing.GONE:
            say("the server removed this agent; its secret is erased")
            enrolment.forget(self.state)
            raise Stop(EXIT_OK)
        if outcome.standing is Standing.UNKNOWN:
            return self._enrol_again()
        if outcome.standing in REFUSED_KEY:
            say("the server does not accept this agent: %s" % REFUSED_KEY[outcome.standing])
            return REVOKED_SECONDS * self.pick(0.5, 1.5)
        if outcome.standing is Standing.CLONE:
            say("two machines use this agent's key; enrol one of them again")
        elif outcome.standing is Standing.FINE or outcome.path != "hb":
            return self._beat_was_fine(outcome)
        return self.beats.next_seconds(outcome.retry_after)

    def _beat_was_fine(self, outcome):
        """Heartbeats go on by the clock, whatever became of the facts."""
        now = self.clock()
        if self.beats.failures >= OUTAGE_FAILURES:
            self._hold_until = now + self.pick(0.0, OUTAGE_SPREAD_SECONDS)
        self.beats.clear()
        if outcome.standing is not Standing.FINE:
            self._hold_until = now + self.others.next_seconds(outcome.retry_after)
        elif outcome.path != "hb":
            self.others.clear()
        self._follow(outcome)
        self._tell_trouble()
        phase = phase_of(self.delivery.keys.host_id)
        return seconds_until_tick(now, self.interval, phase, self.pick)

    def _follow(self, outcome):
        """Fetch the configuration and renew the secret when the server asks for it."""
        try:
            if self.pushed.wants(outcome.config_etag):
                token = self.delivery.keys.token
                if self.pushed.fetch(self.client, token, outcome.config_etag):
                    self._apply()
                self.delivery.refusal = self.pushed.refusal
                if self.pushed.refusal:
                    say("pushed configuration refused: %s" % self.pushed.refusal)
            if outcome.rotate or self.delivery.keys.is_half_renewed:
                self._rotate()
        except Unreachable as failure:
            say("the server broke off: %s" % failure)

    def _rotate(self):
        if self.clock() < self._rotate_after:
            return
        self._rotate_after = self.clock() + 600.0 * self.pick(0.5, 1.5)
        reply = self.delivery.keys.renew(self.client)
        if reply is None:
            say("the key is not renewed: the state folder cannot be written")
        elif reply.status != 200:
            say("the server answered %d to the new key" % reply.status)

    def _apply(self):
        """Work by the pushed configuration as far as the local policy lets it."""
        wanted = self.pushed.configuration
        holds = self.settings.policy.narrow(wanted)
        first, salt = self.membership.settings_of_enrolment()
        asked = wanted.interval or _interval(first) or INTERVAL_SECONDS
        self.interval = float(max(asked, self.settings.policy.interval, self.settings.interval))
        if salt is not None:
            self.collector.use_salt(salt)
        self.membership.labels = {**holds.labels, **self.settings.labels}
        use_configuration(holds, self.collector, self.samples, self.events)

    def _enrol_again(self):
        if self.membership.lost():
            self.delivery = None
        return self.others.next_seconds()

    def _ensure_enrolled(self):
        if self.delivery is not None:
            return
        identity = self.membership.identity()
        self.pushed = Pushed(self.state)
        self.delivery = Delivery(
            self.client, self.state, identity, boot_id(self.host), self.counter,
            samples=self.samples, events=self.events, clock=self.clock, wall=self.wall,
        )  # fmt: skip
        self._apply()

    def _tell_trouble(self):
        if self.state.trouble != self._trouble:
            self._trouble = self.state.trouble
            say("state folder: %s" % (self._trouble or "writable again"))


def _interval(value):
    """The interval of the enrolment's answer when it is in bounds, or None."""
    try:
        return parse({"interval": value}).interval
    except ConfigurationRefused:
        return None


def _stop(_number, _frame):
    raise Stop(EXIT_OK)
