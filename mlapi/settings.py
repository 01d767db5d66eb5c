"""Django settings, from the environment (mlapi/env.py) and nowhere else."""

import os
import sys
from typing import Any

import dj_database_url
from django.conf import global_settings
from django.templatetags.static import static

from jobs.kinds import HARD_LIMIT_AFTER_S, TIME_LIMIT_S
from mlapi.colours import INDIGO
from mlapi.cpus import usable_cpus
from mlapi.env import BASE_DIR, read_environment
from mlapi.logs import LOGGING  # noqa: F401 - a setting, too
from mlapi.security import (  # noqa: F401 - settings, too
    AUDITLOG_INCLUDE_TRACKING_MODELS,
    AUDITLOG_USE_FK_STRING_REPRESENTATION,
    CONTENT_SECURITY_POLICY,
    CORS_ALLOW_HEADERS,
    CORS_EXPOSE_HEADERS,
    CORS_PREFLIGHT_MAX_AGE,
    CORS_URLS_REGEX,
    PAGES_NEED,
    PERMISSIONS_POLICY,
    SECURE_CONTENT_TYPE_NOSNIFF,
    SECURE_CROSS_ORIGIN_OPENER_POLICY,
    SECURE_REFERRER_POLICY,
    X_FRAME_OPTIONS,
)

ENV = read_environment(os.environ)

# --- Who we are and whom we answer
SECRET_KEY = ENV.required_secret_key()
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENV.csrf_trusted_origins)
CORS_ALLOWED_ORIGINS = list(ENV.cors_origins)
ROOT_URLCONF = "mlapi.urls"
ASGI_APPLICATION = "mlapi.asgi.application"
APPEND_SLASH = False  # both spellings are routed: a POST is never redirected

# --- Apps
INSTALLED_APPS = [
    # First: makes runserver speak ASGI. Others would pay a second and 25 MB for it at every start.
    *(["daphne"] if "runserver" in sys.argv else []),
    "unfold",  # before the admin
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "corsheaders",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "auditlog",
    "mlapi.apps.RawResultsConfig",
    "django_celery_beat",
    "django_prometheus",
    "mlapi",
    "predictions",
    "modelregistry",
    "jobs",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "mlapi.observability.RequestMiddleware",
    *(["corsheaders.middleware.CorsMiddleware"] if ENV.cors_origins else []),
    "django.middleware.security.SecurityMiddleware",
    "mlapi.page_policy.PagePolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "mlapi.auditing.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "mlapi.refusals.AdminRefusals",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
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
            ]
        },
    }
]

# --- Database: SQLite that bears several writers, or PostgreSQL with a pool
SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": ENV.data_dir / "mlapi.sqlite3",
    "TEST": {"NAME": ENV.data_dir / "test.sqlite3"},
    "OPTIONS": {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON"
        ),
    },
}
DATABASES: dict[str, Any] = {"default": SQLITE}
if ENV.database_url:
    given = dj_database_url.parse(ENV.database_url)
    if given["ENGINE"].endswith("postgresql"):
        pool = {"min_size": 1, "max_size": 10, "timeout": 3}  # seconds a request waits for a place
        given.setdefault("OPTIONS", {}).update(pool=pool, connect_timeout=3)
        DATABASES["default"] = given
    else:
        DATABASES["default"] = {**SQLITE, "NAME": given["NAME"]}
MIGRATION_MODULES = {"knox": None}  # our key takes its model's place; its own table would be empty
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Celery: publishing is bounded, the row in the database is the truth
CELERY_BROKER_URL = ENV.broker_url
# A plain producer reads results from the broker's own URL; the class adds a row for staff.
CELERY_RESULT_BACKEND = f"jobs.results:RowRedisBackend+{ENV.broker_url.removeprefix('redis+')}"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 1,
    "socket_connect_timeout": 1,
    "max_retries": 0,
    "visibility_timeout": 2 * (TIME_LIMIT_S + HARD_LIMIT_AFTER_S),
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": {"max_retries": 3, "timeout": 3}}
CELERY_REDIS_SOCKET_TIMEOUT = CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 1
CELERY_RESULT_EXTENDED = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # workers wait for the broker as long as it takes
CELERY_TASK_PUBLISH_RETRY = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = usable_cpus()  # Celery itself counts the machine's
CELERY_WORKER_CONSUMER = "jobs.receiving:QuarantiningConsumer"
CELERY_DB_REUSE_MAX = 1_000_000  # else Celery closes connections and pool after every task
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "jobs.scheduling:JobScheduler"
CELERY_TIMEZONE = "UTC"

# --- Live pages: frames between processes, at most once
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "prefix": "mlapi",
            "hosts": [
                {"address": ENV.redis_py_url, "socket_timeout": 1, "socket_connect_timeout": 1}
            ],
        },
    }
}

# --- REST: keys and staff sessions; what is open says so on its view
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mlapi.auth.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["mlapi.auth.HasKeyOrStaffSession"],
    "DEFAULT_PARSER_CLASSES": ["mlapi.parsers.StrictJson"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "mlapi.parsers.OneParserReadsAll",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "mlapi.problems.drf_exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
KNOX_TOKEN_MODEL = "mlapi.ApiKey"  # noqa: S105 - a table, no password
REST_KNOX = {
    "TOKEN_TTL": None,
    "AUTH_HEADER_PREFIX": "Bearer",
    "SECURE_HASH_ALGORITHM": "hashlib.sha256",
    "TOKEN_PREFIX": "mlapi_",
    "TOKEN_MODEL": KNOX_TOKEN_MODEL,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "mlapi",
    "DESCRIPTION": (
        "Predictions by the models of this server, and the registry they come from. Errors are "
        "problem+json (RFC 9457) with a stable `code`. Public models answer anyone; all else "
        "takes a key, sent as `Authorization: Bearer KEY`."
    ),
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mlapi.openapi.complete",
    ],
    "ENUM_NAME_OVERRIDES": {"JobState": "jobs.states.STATES"},
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "displayOperationId": False,
        "defaultModelsExpandDepth": 0,
        "persistAuthorization": False,
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/static/mlapi/favicon.svg",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = ENV.limits.json_bytes  # the guard counts the same bytes on the wire
LARGEST_UPLOAD = ENV.limits.upload_bytes
UPLOAD_DIR = ENV.data_dir / "uploads"
FILE_UPLOAD_HANDLERS = ["mlapi.spooling.NamelessFiles"]

# --- Passwords, cookies, transport
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.behind_tls
if ENV.behind_tls:
    # By the scheme that the server states: it hears X-Forwarded-Proto from trusted proxies alone.
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]  # probes speak plain HTTP
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

# --- Language and time
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "mlapi.locale"
USE_I18N = False
USE_TZ = True

# --- Static files: served by WhiteNoise, found where the apps keep them
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# --- Models and their files
MLAPI = ENV
ARTIFACT_DIR, INTAKE_DIR = ENV.data_dir / "artifacts", ENV.data_dir / "intake"
STORAGES = dict(global_settings.STORAGES)
if ENV.artifacts_bucket:
    STORAGES["artifacts"] = {
        "BACKEND": "modelregistry.storage.bucket.ArtifactBucket",
        "OPTIONS": {"bucket_name": ENV.artifacts_bucket},
    }
DEFAULT_MODEL = ENV.default_model

# --- Admin
LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
UNFOLD = {
    "SITE_TITLE": "mlapi",
    "SITE_HEADER": "mlapi",
    "SITE_SUBHEADER": "all times are UTC",
    "SITE_SYMBOL": "model_training",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("mlapi/favicon.svg")}
    ],
    "STYLES": [lambda _: static("mlapi/admin.css")],
    "SCRIPTS": [lambda _: static("mlapi/admin.js")],
    "COLORS": {"primary": INDIGO},
    "LOGIN": {"form": "mlapi.login.LoginForm"},
    "DASHBOARD_CALLBACK": "mlapi.dashboard.front_page",
    "SIDEBAR": {"show_search": True, "navigation": "mlapi.dashboard.sidebar"},
}
