"""Settings for browsers: what pages of other origins may ask, what our own may load and run."""

from corsheaders.defaults import default_headers

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
