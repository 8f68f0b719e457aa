"""Who this agent is at the server: loading the key, enrolling, and enrolling again."""

import re
import time

from . import enrolment
from .fingerprint import evidence

REENROL_SECONDS = 3600.0
SALT = re.compile("(?:[0-9a-f]{2}){8,64}")


class Membership:
    """The key of this host for one server. ``say`` tells the journal."""

    def __init__(self, settings, *, client, state, host, say, clock=time.monotonic):
        self.settings, self.client, self.state, self.host = settings, client, state, host
        self.say, self._clock = say, clock
        self.labels = settings.labels
        self.enrolled_at = None
        self.must_enrol = False  # the server forgot the key; it is replaced when the new one holds

    def identity(self):
        """The ``Identity``; enrols when there is none.

        Raises Refused, NotYet, Unreachable, StateError.
        """
        identity = enrolment.load_identity(self.state, self.settings.server)
        identity = self._unless_copied(identity)
        if identity is None or self.must_enrol:
            identity = self._enrol(identity)
            self.must_enrol = False
        return identity

    def lost(self):
        """The server does not know the key. True when the next ``identity()`` enrols anew: with an
        enrolment token, once an hour at most."""
        now = self._clock()
        too_soon = self.enrolled_at is not None and now - self.enrolled_at < REENROL_SECONDS
        self.must_enrol = bool(self.settings.token) and not too_soon
        more = "; enrolling again" if self.must_enrol else ""
        self.say("the server does not know this agent" + more)
        return self.must_enrol

    def settings_of_enrolment(self):
        """``(interval, salt)`` that came with the enrolment; None where the server sent none."""
        config = self.state.read("config.json")
        salt = config.get("org_salt")
        if not isinstance(salt, str) or not SALT.fullmatch(salt):
            salt = None
        return config.get("interval"), salt and bytes.fromhex(salt)

    def _unless_copied(self, identity):
        """None when the state was made on another machine: a copied image enrols anew."""
        if identity is None or enrolment.is_same_machine(identity, evidence(self.host)):
            return identity
        self.say("this state folder was made on another machine; its key is dropped")
        enrolment.forget(self.state)
        return None

    def _enrol(self, before):
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
            labels=self.labels,
            proof=before.token if before is not None else "",
        )
        self.enrolled_at = self._clock()
        self.say("enrolled as %s" % identity.host_id)
        return identity
