"""Who else stands between us and callers: proxies that are believed, pages of other origins.

Pure: no Django. What pages of other origins may ask is the same for the lane and for Django.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from mlapi.variables import EnvironmentFault, Variable, listed

ORIGIN_VARIABLES = (
    Variable(
        "MLAPI_TRUSTED_PROXIES", "127.0.0.1", "addresses or networks whose X-Forwarded-* count"
    ),
    Variable("MLAPI_CORS_ORIGINS", "", "comma-separated origins whose pages may ask; unset: none"),
)
# REST and predictions; never pages: what has a session answers its own origin alone.
CROSS_ORIGIN: Final = re.compile(
    r"/(?:api/v1/(?!docs)|v2/|predict[-/]|batch-predict|batch/|task/|tasks/)"
)
EXPOSED_HEADERS: Final = (
    "content-disposition",
    "etag",
    "location",
    "ratelimit",
    "ratelimit-limit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "x-request-id",
)


def trusted_proxies_of(text: Mapping[str, str]) -> tuple[str, ...]:
    """Addresses and networks as the server takes them. Raises EnvironmentFault."""
    proxies = listed(text["MLAPI_TRUSTED_PROXIES"])
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError as error:
            raise EnvironmentFault(
                "MLAPI_TRUSTED_PROXIES must name addresses or networks, as in "
                f"127.0.0.1, 10.0.0.0/8: {error}."
            ) from error
    return proxies


def cors_origins_of(text: Mapping[str, str]) -> tuple[str, ...]:
    """Origins as browsers send them. Raises EnvironmentFault, for `*` too: who may ask is named."""
    origins = listed(text["MLAPI_CORS_ORIGINS"])
    for origin in origins:
        if not _is_origin(origin):
            raise EnvironmentFault(
                "MLAPI_CORS_ORIGINS must name origins as browsers send them, as in "
                "https://app.example.org or http://localhost:3000."
            )
    return origins


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.netloc.rpartition("@")[2]
    default = {"http": 80, "https": 443}.get(parts.scheme)
    plain = text == f"{parts.scheme}://{host}" == text.lower() and parts.hostname is not None
    return plain and default is not None and port != default and "*" not in host
