"""One machine, one process: SQLite, no Redis, background work on a thread (``make run``)."""

import secrets

from workbench.settings import env
from workbench.settings.base import *  # noqa: F403 - settings modules build on one another
from workbench.settings.base import DATA_DIR, STATICFILES_DIRS


def own_secret_key() -> str:
    """The secret key of this installation: made on first start, kept in a file only we can read."""
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = DATA_DIR / "secret-key"
    try:
        with path.open("x", encoding="ascii") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")


MODE = "embedded"
SECRET_KEY = own_secret_key()
ALLOWED_HOSTS = env.words(
    "UNDERPIN_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", "Host names that this server answers to."
)
PUBLIC_URL = env.text(
    "UNDERPIN_PUBLIC_URL", "", "Address under which browsers and agents reach this server."
)
DATABASES = {"default": env.sqlite(DATA_DIR / "underpin.sqlite3")}
REDIS_URL = ""
LIVE_BACKEND = "agents.live.memory.MemoryLive"
WAKE_BACKEND = "workbench.core.work.wake_thread"
# Static files are served from their sources, so that no build step stands before the first page.
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
assert STATICFILES_DIRS  # noqa: S101 - a wrong base import would serve pages without style
