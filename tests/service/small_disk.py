"""A process of its own, with one folder on a disk of a megabyte: hands in 3 MB, says what came.

Arguments: the folder to be small, and a key. Run by `unshare -rm`, so that it may mount.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx

folder, key = sys.argv[1:]
Path(folder).mkdir(parents=True, exist_ok=True)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)

from mlapi.asgi import application  # noqa: E402 - the folder is small before anything is


async def hand_in() -> httpx.Response:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.post(
            "/api/v1/models/iris/versions/",
            files={"file": ("m.skops", b"PK\x03\x04" + bytes(3_000_000))},
            headers={"Authorization": f"Bearer {key}"},
        )


def left() -> list[str]:
    return [str(path) for path in Path(folder).rglob("*") if path.is_file() and path.stat().st_size]


answer = asyncio.run(hand_in())
print(json.dumps({"status": answer.status_code, "body": answer.json(), "left": left()}))
