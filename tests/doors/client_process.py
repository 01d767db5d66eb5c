"""Django's test client as a process: a JSON request a line in, a JSON answer a line out."""

import json
import os
import sys
from base64 import b64decode, b64encode

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "mlapi.settings"
django.setup()

from django.test import Client  # noqa: E402

from mlapi.wiring import start  # noqa: E402


def main() -> None:
    start()
    client = Client(headers={"Host": "localhost"}, raise_request_exception=False)
    for line in sys.stdin:
        method, path, headers, body = json.loads(line)
        content_type = headers.pop("Content-Type", "")
        answer = client.generic(method, path, b64decode(body), content_type, headers=headers)
        answered = {name.lower(): value for name, value in answer.headers.items()}
        text = b64encode(answer.content).decode()
        print(json.dumps([answer.status_code, answered, text]), flush=True)


if __name__ == "__main__":
    main()
