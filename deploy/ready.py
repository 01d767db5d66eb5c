"""A container's health check: exit code 0 when /readyz of this container answers 200.

Standard library only, so that it costs little every ten seconds.
"""

import http.client
import os
import sys

PORT = 8000  # the image's own


def host() -> str:
    """A name the server answers to: the first of the allowed hosts."""
    first = os.environ.get("DJANGO_ALLOWED_HOSTS", "").split(",")[0].strip()
    return "localhost" if first in {"", "*"} else first.removeprefix(".")


def is_ready() -> bool:
    client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=2)
    try:
        client.request("GET", "/readyz", headers={"Host": host()})
        return client.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


if __name__ == "__main__":
    sys.exit(not is_ready())
