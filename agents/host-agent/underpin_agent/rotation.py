"""The data token and its renewal: the next secret is on disk before the server hears its hash.

Both secrets hold until the first use of the next one. A crash or a lost reply at any moment leaves
the agent with at least one that the server takes.
"""

import json

from .enrolment import IDENTITY, NEXT, WORD, Identity, identity_in, new_secret, secret_hash


class Keys:
    """The secrets of one enrolled agent: the current one and perhaps its successor."""

    def __init__(self, state, identity):
        self.state = state
        self.current = identity
        self.following = identity_in(state, NEXT, identity.server)
        if self.following is not None and self.following.secret == identity.secret:
            self._drop_following()  # the end came between the two steps of ``_promote``

    @property
    def host_id(self):
        """What the server calls this host."""
        return self.current.host_id

    @property
    def token(self):
        """The token to send with data."""
        return (self.following or self.current).token

    @property
    def is_half_renewed(self):
        """True when the reply to a request got lost: the present key may die within a day."""
        return self.following is None and "secret" in self.state.read(NEXT)

    def try_all(self, send):
        """``send(token)`` with the next secret, then with the current one while it answers False.

        ``send`` returns whether the server knows the token. Gives whether one is known.
        """
        if self.following is not None:
            if send(self.following.token):
                self._promote()
                return True
            if send(self.current.token):
                self._drop_following()  # the server was set back to before the change
                return True
            return False
        return send(self.current.token)

    def renew(self, client):
        """POST /rotate; the next request uses the new secret. Returns the reply, or None when the
        new secret cannot be kept. Raises Unreachable."""
        kept = self.state.read(NEXT)
        secret = kept.get("secret") if kept.get("server") == self.current.server else None
        if not isinstance(secret, str) or not WORD.fullmatch(secret):
            secret = new_secret()
            if not self.state.write(NEXT, {"server": self.current.server, "secret": secret}):
                self.state.erase(NEXT)
                return None
        body = json.dumps({"v": 1, "secret_hash": secret_hash(secret)}).encode()
        reply = client.post("/rotate", body, token=self.current.token)
        tag = reply.body.get("tag")
        if reply.status == 200 and isinstance(tag, str) and WORD.fullmatch(tag):
            following = Identity(**{**self.current.as_file(), "secret": secret, "tag": tag})
            if self.state.write(NEXT, following.as_file()):
                self.following = following
        return reply

    def _promote(self):
        self.current, self.following = self.following, None
        if self.state.write(IDENTITY, self.current.as_file()):
            self.state.erase(NEXT)  # not before: the old secret is dead from now on

    def _drop_following(self):
        self.following = None
        self.state.erase(NEXT)
