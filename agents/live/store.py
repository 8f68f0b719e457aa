"""The live store of this process, chosen by ``settings.LIVE_BACKEND``."""

from functools import lru_cache
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from agents.live.base import LiveStore


@lru_cache(maxsize=1)
def live_store() -> LiveStore:
    """The one store of this process."""
    return cast("LiveStore", import_string(settings.LIVE_BACKEND)())
