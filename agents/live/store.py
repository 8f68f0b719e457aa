"""The live store of this process, chosen by ``settings.LIVE_BACKEND``."""

from functools import lru_cache
from typing import Final, cast

from django.conf import settings
from django.utils.module_loading import import_string

from agents.live.base import LiveStore
from agents.live.memory import MemoryLive

# For as long as Redis is away, and no longer than another process may be wrong.
LOCAL_HOSTS: Final = 20_000
LOCAL_SECONDS: Final = 60


@lru_cache(maxsize=1)
def live_store() -> LiveStore:
    """The one store of this process."""
    return cast("LiveStore", import_string(settings.LIVE_BACKEND)())


@lru_cache(maxsize=1)
def local_store() -> MemoryLive:
    """What this process knows by itself while the store above is away."""
    return MemoryLive(max_hosts=LOCAL_HOSTS, fresh_seconds=LOCAL_SECONDS)
