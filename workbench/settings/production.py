"""PostgreSQL, Redis and Celery workers behind a TLS proxy (``docker compose up``)."""

from django.core.exceptions import ImproperlyConfigured

from workbench.settings import env
from workbench.settings.base import *  # noqa: F403 - settings modules build on one another

MIN_SECRET_KEY_CHARACTERS = 50
MIN_SECRET_KEY_DIFFERENT = 10


def checked_secret_key(key: str) -> str:
    """``key`` when it is fit for signing.

    Raises:
        ImproperlyConfigured: for a missing, short, repetitive or default-looking key.
    """
    hint = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if not key:
        message = f"UNDERPIN_SECRET_KEY or UNDERPIN_SECRET_KEY_FILE is missing; {hint}"
        raise ImproperlyConfigured(message)
    if len(key) < MIN_SECRET_KEY_CHARACTERS or len(set(key)) < MIN_SECRET_KEY_DIFFERENT:
        message = f"UNDERPIN_SECRET_KEY is too short or repeats itself; {hint}"
        raise ImproperlyConfigured(message)
    if any(
        word in key.lower() for word in ("django-insecure", "changeme", "change-me", "secret-key")
    ):
        message = f"UNDERPIN_SECRET_KEY is a default value; {hint}"
        raise ImproperlyConfigured(message)
    return key


MODE = "production"
SECRET_KEY = checked_secret_key(
    env.secret(
        "UNDERPIN_SECRET_KEY", "Signs sessions, links and agent tokens; 50 characters or more."
    )
)
SECRET_KEY_FALLBACKS = [
    key
    for key in [env.secret("UNDERPIN_SECRET_KEY_OLD", "The key before the last rotation.")]
    if key
]
ALLOWED_HOSTS = env.words("UNDERPIN_ALLOWED_HOSTS", "", "Host names that this server answers to.")
PUBLIC_URL = env.text(
    "UNDERPIN_PUBLIC_URL", "", "Address under which browsers and agents reach this server."
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
DATABASES = {
    "default": env.database(
        "UNDERPIN_DATABASE",
        "postgresql://underpin@/underpin?host=/run/postgresql",
        "Address of the PostgreSQL database.",
    )
}
if password := env.secret("UNDERPIN_DATABASE_PASSWORD", "Password of the database user."):
    DATABASES["default"]["PASSWORD"] = password
REDIS_URL = env.text("UNDERPIN_REDIS", "redis://localhost:6379/0", "Address of Redis.")
CELERY_BROKER_URL = REDIS_URL
LIVE_BACKEND = "agents.live.redis_store.RedisLive"
WAKE_BACKEND = "workbench.core.work.wake_celery"

TRUSTED_PROXIES = env.integer(
    "UNDERPIN_TRUSTED_PROXIES", 1, "How many proxies of yours stand before it.", low=0, high=5
)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.flag(
    "UNDERPIN_TLS_REDIRECT", "yes", "Send plain HTTP requests of browsers to HTTPS."
)
SECURE_HSTS_SECONDS = 63_072_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
