"""Settings that every way of running shares; nothing here is a secret or depends on the machine."""

from pathlib import Path

from workbench.settings import env

BASE_DIR = Path(__file__).resolve().parent.parent.parent

DEBUG = False
PRODUCT_VERSION = "0.1.0"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "workbench.core",
    "agents",
    "assessments",
]

MIDDLEWARE = [
    "workbench.core.web.middleware.SecurityHeadersMiddleware",
    "workbench.core.web.middleware.PrintableUrlMiddleware",
    "workbench.core.web.middleware.IngestShortcutMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "workbench.core.access.middleware.AccessMiddleware",
    "workbench.core.web.middleware.BodyMiddleware",
]

ROOT_URLCONF = "workbench.urls"
INGEST_PREFIX = "/i/v1/"
INGEST_URLCONF = "agents.api.ingest_urls"
WSGI_APPLICATION = "workbench.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "workbench.core.web.context.shell",
            ],
        },
    },
]

# ---- accounts -------------------------------------------------------------------------------
AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "workbench.core.accounts.adapter.ClosedAccountAdapter"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
TRUSTED_PROXIES = 0
# allauth's own limits are the second line; the first is workbench.core.accounts.limiter.
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "Underpin"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "workbench.core.web.errors.csrf_failure"

# ---- places ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.text("UNDERPIN_TIME_ZONE", "UTC", "Zone of times on pages and in reports.")
USE_I18N = False
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT: Path | None = BASE_DIR / "build" / "static"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_DIR = Path(
    env.text("UNDERPIN_DATA_DIR", str(BASE_DIR / "var"), "Folder of the embedded mode's files.")
)
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

# ---- the product ----------------------------------------------------------------------------
HEARTBEAT_INTERVAL_SECONDS = env.integer(
    "UNDERPIN_HEARTBEAT_SECONDS", 60, "How often an agent reports.", low=30, high=3600
)
FACTS_MAX_AGE_HOURS = env.integer(
    "UNDERPIN_FACTS_MAX_AGE_HOURS",
    24,
    "Facts older than this count as unknown.",
    low=1,
    high=8760,
)
FACTS_MAX_GIB = env.integer(
    "UNDERPIN_FACTS_MAX_GIB",
    100,
    "How much the facts of one workspace may hold, before compression.",
    low=1,
    high=100_000,
)
BODY_SECONDS = env.integer(
    "UNDERPIN_BODY_SECONDS",
    10,
    "How long a request body may take to arrive before its sender is cut off.",
    low=1,
    high=300,
)
AGENT_REQUESTS_PER_SECOND = env.integer(
    "UNDERPIN_AGENT_REQUESTS_PER_SECOND",
    4,
    "How often one host may ask in the long run; five seconds' worth may come at once.",
    low=1,
    high=100_000,
)
WORK_LEASE_SECONDS = env.integer(
    "UNDERPIN_WORK_LEASE_SECONDS",
    120,
    "How long one piece of background work may take before another worker takes it over.",
    low=5,
    high=3600,
)
WORK_SWEEP_SECONDS = 3

# ---- REST API -------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["workbench.core.api.authentication.AccessAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["workbench.core.api.permission.AllowedByTable"],
    "DEFAULT_PARSER_CLASSES": ["workbench.core.api.parser.DoorJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["workbench.core.api.renderer.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "workbench.core.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "workbench.core.api.errors.exception_response",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Underpin API",
    "DESCRIPTION": "Hosts, containers, findings, checks and reports of one workspace.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PERMISSIONS": ["workbench.core.api.permission.AllowedByTable"],
}

# ---- Celery: the queue only wakes; the work itself is a row (docs/architecture.md) -----------
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 300
CELERY_BEAT_SCHEDULE = {
    "sweep-work": {"task": "workbench.sweep", "schedule": WORK_SWEEP_SECONDS},
    "write-last-seen": {"task": "agents.write_last_seen", "schedule": 15},
    "sweep-silence": {"task": "agents.sweep_silence", "schedule": 30},
    "sweep-events": {"task": "agents.sweep_events", "schedule": 600},
    "tend-samples": {"task": "agents.tend_samples", "schedule": 600},
    "sweep-blobs": {"task": "agents.sweep_blobs", "schedule": 21_600},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "workbench.core.logs.OneLineFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"fontTools": {"level": "WARNING"}},
}
