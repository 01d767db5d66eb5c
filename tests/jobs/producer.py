"""A plain Celery producer: no Django, no code of the service. Prints what it gets back."""

import json
import sys

from celery import Celery


def main(url: str, task: str, args: str, options: str = "{}") -> None:
    app = Celery(broker=url, backend=url)
    sent = app.send_task(task, args=json.loads(args), **json.loads(options))
    try:
        answer = {"result": sent.get(timeout=150)}
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps({"id": sent.id, **answer}))


if __name__ == "__main__":
    main(*sys.argv[1:])
