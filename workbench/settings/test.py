"""Settings of the tests: real database and Redis, addresses given by the test session."""

from workbench.settings import env
from workbench.settings.base import *  # noqa: F403 - settings modules build on one another

MODE = "test"
SECRET_KEY = "tests-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG"  # noqa: S105 - tests only
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
PUBLIC_URL = "http://testserver"
DATABASES = {
    "default": env.database(
        "UNDERPIN_DATABASE", "sqlite:////tmp/underpin-test.sqlite3", "Address of the database."
    )
}
REDIS_URL = env.text("UNDERPIN_REDIS", "", "Address of Redis; empty means the in-process store.")
LIVE_BACKEND = "agents.live.redis_store.RedisLive" if REDIS_URL else "agents.live.memory.MemoryLive"
WAKE_BACKEND = "workbench.core.work.wake_nobody"
CELERY_BROKER_URL = REDIS_URL
# A fast hasher: the tests do not measure how slow Argon2 is.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
# Tests and benchmarks let one host ask as fast as it can; the tests of the limit set their own.
AGENT_REQUESTS_PER_SECOND = 100_000
