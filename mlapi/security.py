"""Settings for browsers: what pages of other origins may ask, what our own may load and run."""

from typing import Any

from corsheaders.defaults import default_headers
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from mlapi.origins import CROSS_ORIGIN, EXPOSED_HEADERS

# --- Pages of other origins: with keys, never with cookies
CORS_URLS_REGEX = CROSS_ORIGIN.pattern
CORS_ALLOW_HEADERS = (
    *default_headers,
    "content-encoding",
    "idempotency-key",
    "prefer",
    "request-timeout",
    "x-request-id",
)
CORS_EXPOSE_HEADERS = EXPOSED_HEADERS
CORS_PREFLIGHT_MAX_AGE = 3600

# --- What our pages may load, run and call: this server alone, and no script in their text
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # icons in style sheets
        "font-src": [SELF],
        "connect-src": [SELF],  # fetch, and live pages' sockets
        "form-action": [SELF],
        "base-uri": [SELF],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
# By the beginning of a path, what its pages need besides. No script is ever in a page's text.
PAGES_NEED: dict[str, dict[str, Any]] = {
    # Alpine.js, with which unfold's menus, tabs and dialogs are written, makes functions of what
    # its attributes say. unfold writes its colours, and widths of bars, into the page.
    "/admin/": {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]},
    # Swagger UI's page and its parts carry styles of their own.
    "/api/v1/docs/": {"style-src": [UNSAFE_INLINE]},
}
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "camera", "display-capture", "fullscreen", "geolocation"),
        *(
            "gyroscope",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "usb",
            "xr-spatial-tracking",
        ),
    )
)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# --- The audit trail: whose save() is noted, and which of its fields
AUDITLOG_INCLUDE_TRACKING_MODELS: tuple[dict[str, Any], ...] = (
    {
        "model": "modelregistry.RegisteredModel",
        "include_fields": [
            *("name", "description", "task", "visibility", "tolerance", "allowed_mismatches"),
            *("max_batch_rows", "max_wait_ms", "max_queue_rows", "deadline_ms", "cache_ttl_s"),
            "archived_at",
        ],
        "m2m_fields": ["groups"],
    },
    {
        "model": "modelregistry.ModelVersion",
        "include_fields": ["model", "number", "state", "source_sha256"],
    },
    {"model": "modelregistry.Alias", "include_fields": ["model", "name", "version"]},
    {
        "model": "modelregistry.ScheduledRetraining",
        "include_fields": ["name", "kwargs", "headers", "enabled", "interval", "crontab"],
    },
    {
        "model": "auth.User",
        "include_fields": [
            *("username", "email", "first_name", "last_name", "password"),
            *("is_active", "is_staff", "is_superuser"),
        ],
        "mask_fields": ["password"],
        "mask_callable": "mlapi.auditing.hidden",
        "m2m_fields": ["groups", "user_permissions"],
    },
    {"model": "auth.Group", "include_fields": ["name"], "m2m_fields": ["permissions"]},
)
AUDITLOG_USE_FK_STRING_REPRESENTATION = True
