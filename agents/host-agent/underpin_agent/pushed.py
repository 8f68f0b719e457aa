"""Fetching the pushed configuration: the last good one is kept, a refused one is told."""

import contextlib
import re

from .configuration import Configuration, ConfigurationRefused, parse

STATE_FILE = "pushed.json"
ETAG = re.compile("[0-9a-f]{1,32}")


class Pushed:
    """What the server wants. ``etag`` names the accepted configuration, "" before the first;
    ``refusal`` says why a newer one was refused, "" when it was not."""

    def __init__(self, state):
        self.state = state
        self.etag, self.configuration, self.refusal = "", Configuration(), ""
        self._refused_etag = ""
        saved = state.read(STATE_FILE)
        etag = saved.get("etag")
        if isinstance(etag, str) and ETAG.fullmatch(etag):
            # One written by an agent with other bounds is fetched again.
            with contextlib.suppress(ConfigurationRefused):
                self.configuration, self.etag = parse(saved.get("config")), etag

    def wants(self, offered):
        """Whether the configuration ``offered`` (an etag, "" for none) is news."""
        return offered not in ("", self.etag, self._refused_etag)

    def fetch(self, client, token, offered):
        """GET /config. True when another configuration holds now. Raises Unreachable."""
        reply = client.get("/config", token=token, etag=self.etag)
        if reply.status != 200 or reply.foreign:
            return False  # the next heartbeat offers it again
        etag, config = reply.body.get("etag"), reply.body.get("config")
        try:
            if not isinstance(etag, str) or not ETAG.fullmatch(etag):
                text = "it has no valid etag"
                raise ConfigurationRefused(text)  # noqa: TRY301 one way to say so
            configuration = parse(config)
        except ConfigurationRefused as refusal:
            self.refusal = str(refusal)[:255]
            self._refused_etag = offered
            return False
        self.etag, self.configuration = etag, configuration
        self.refusal = self._refused_etag = ""
        self.state.write(STATE_FILE, {"etag": etag, "config": config})
        return True
