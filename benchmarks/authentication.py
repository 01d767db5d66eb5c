"""What a key costs a request of the lane: `python -m benchmarks.authentication` prints it.

With a database of its own, which is gone afterwards.
"""

import os
import tempfile

FOLDER = tempfile.TemporaryDirectory(prefix="mlapi-bench-")
os.environ |= {"MLAPI_DATA_DIR": FOLDER.name, "DJANGO_SETTINGS_MODULE": "mlapi.settings"}

import django  # noqa: E402

django.setup()

from datetime import UTC, datetime, timedelta  # noqa: E402

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402

from benchmarks.authenticating import PROMISED_NS, cost_of  # noqa: E402
from mlapi import issuing  # noqa: E402
from mlapi.auth import keys  # noqa: E402


def main() -> None:
    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("bench")
    print(f"what a key costs a request of the lane; promised: {PROMISED_NS} ns")
    for days in (None, 1):
        end = datetime.now(UTC) + timedelta(days=days) if days else None
        _, text = issuing.issue(owner=owner, name="bench", expires_at=end)
        keys.read()
        cost = cost_of(f"Bearer {text}".encode())
        print(f"{cost:6.0f} ns  {'one that expires' if end else 'one without an end'}")


if __name__ == "__main__":
    main()
