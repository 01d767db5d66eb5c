"""A producer as anybody may write one: Celery alone, nothing of the service.

Run it isolated: python -I producer.py BROKER_URL RESULT_URL; standard input is a JSON list of
[task name, args, kwargs, id or null], standard output one of {"id", "result"} or {"id", "error"}.
With --send-only it waits for no answer, and prints an empty list.
"""

import json
import sys

from celery import Celery


def main(broker: str, results: str, *options: str) -> None:
    app = Celery(broker=broker, backend=results)
    calls = json.load(sys.stdin)
    sent = [
        app.send_task(name, args=args, kwargs=kwargs, task_id=task_id)
        for name, args, kwargs, task_id in calls
    ]
    answers = []
    for task in [] if "--send-only" in options else sent:
        try:
            answers.append({"id": task.id, "result": task.get(timeout=150)})
        except Exception as error:
            answers.append({"id": task.id, "error": str(error)})
    assert not {"mlapi", "jobs", "django.contrib"} & sys.modules.keys()
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
