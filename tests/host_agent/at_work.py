"""An agent at work for tests: given facts, virtual time, the fake server behind a real socket."""

from underpin_agent import enrolment, loop
from underpin_agent.client import Client
from underpin_agent.delivery import Delivery
from underpin_agent.index import build_index
from underpin_agent.state import reserved_counter

BOOT = "3f2c9a01"
HOUR, DAY = 3600.0, 86_400.0


def body(**facts):
    """One body as collectors make them."""
    return {"facts": facts, "unknowns": []}


def collection(text="x", size=10, containers=1):
    """A small collection; ``text`` changes one section, ``size`` every posture."""
    return {
        "schema": "underpin/collection/1",
        "sections": {
            "host": body(name=text),
            "kernel": body(release="6.1" + "0" * 3000),
            "logging": {"error": "EACCES", "needs": "root"},
        },
        "containers": [
            {
                "key": "k" if n == 0 else "k%d" % n,
                "identity": body(key="k%d" % n),
                "posture": body(a="p" * size),
            }
            for n in range(containers)
        ],
    }


class Fixed:
    """A collector with a given collection."""

    def __init__(self, value=None):
        self.value, self.salt, self.everything = value or collection(), b"", []
        self.configuration = None

    def index(self, *, everything=False):
        """The index of the present value."""
        self.everything.append(everything)
        return build_index(self.value)

    def use_salt(self, salt):
        """Note the salt."""
        self.salt = salt

    def use_configuration(self, configuration):
        """Note the configuration."""
        self.configuration = configuration


class Clock:
    """Virtual time. ``sleep`` only moves it."""

    def __init__(self, now=1_000_000.0):
        self.now = now
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        """Let time pass."""
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds


def highest(_low, high):
    """The pick that makes waits exact."""
    return high


def make_loop(server, state, host, value=None, *, token="good", policy=None, pick=highest, **more):  # noqa: S107 no password
    """A ``Loop`` against the fake server (anything with ``url``)."""
    interval = more.pop("interval", 0)
    settings = loop.Settings(
        server.url, token=token, name="web-1", policy=policy, interval=interval
    )
    client = more.pop("client", None) or Client(server.url)
    collector = more.pop("collector", None) or Fixed(value)
    return loop.Loop(
        settings, client=client, state=state, host=host, collector=collector, pick=pick, **more
    )


def run_for(one, clock, seconds):
    """Let the loop work until so much virtual time has passed. The number of rounds."""
    end, rounds = clock.now + seconds, 0
    while clock.now < end:
        clock.sleep(one.cycle())
        rounds += 1
    return rounds


def enrolled(server, state, host, **more):
    """A ``Delivery`` of a freshly enrolled agent."""
    client = Client(server.url)
    identity = enrolment.enrol(client, state, host, server=server.url, token="good", name="web-1")
    return Delivery(client, state, identity, BOOT, reserved_counter(state), **more)
