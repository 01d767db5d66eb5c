"""A process of the house: Django with its database and broker; a line of JSON a call."""

import json
import sys
import time
from collections.abc import Callable

import django


def submit(kind: str, params: dict[str, object], count: int = 1, priority: int = 0) -> object:
    from jobs import services

    ids, slowest = [], 0.0
    for _ in range(count):
        started = time.monotonic()
        job = services.submit(kind=kind, params=params, origin="command", priority=priority)
        ids.append(str(job.pk))
        slowest = max(slowest, time.monotonic() - started)
    return {"ids": ids, "slowest_s": slowest}


def cancel(job_id: str) -> object:
    from jobs import services
    from jobs.models import Job

    return services.cancel(job=Job.objects.find(job_id), actor=None).state


def retry(job_id: str) -> object:
    from jobs import services
    from jobs.models import Job

    return str(services.retry(job=Job.objects.find(job_id), actor=None).pk)


def tell_again(ids: list[str]) -> object:
    """The same messages once more."""
    from jobs.models import Job
    from jobs.publishing import publish

    return all(publish(Job.objects.find(job_id)) for job_id in ids)


def raw_result(job_id: str) -> object:
    from django_celery_results.models import TaskResult

    return TaskResult.objects.filter(task_id=job_id).values("status", "traceback").first()


def versions() -> object:
    """Of which job each version of the registry is."""
    from modelregistry.models import ModelVersion

    return list(ModelVersion.objects.values("job_id", "state"))


def job(job_id: str) -> object:
    from jobs.models import Job

    row = Job.objects.values().get(pk=job_id)
    events = Job.objects.get(pk=job_id).events.values("seq", "level", "message", "state")
    return {**row, "events": list(events)}


def schedule(task: str, params: dict[str, object]) -> object:
    from tests.jobs.schedules import scheduled

    return scheduled(task, params, period="seconds").pk


def unschedule() -> object:
    """No more runs; how many there were."""
    from django_celery_beat.models import PeriodicTask

    (row,) = PeriodicTask.objects.all()
    row.enabled = False
    row.save()
    return row.total_run_count


def scheduled_jobs() -> object:
    from jobs.models import Job

    rows = Job.objects.filter(origin="schedule").order_by("created_at")
    return list(rows.values("id", "state", "created_at"))


def states() -> object:
    from django.db.models import Count

    from jobs.models import Job

    rows = Job.objects.order_by().values_list("state").annotate(count=Count("pk"))
    return dict(rows)


def terminal_events() -> object:
    from jobs import states
    from jobs.models import JobEvent

    return JobEvent.objects.filter(state__in=states.TERMINAL).count()


CALLS: dict[str, Callable[..., object]] = {
    call.__name__: call
    for call in (
        submit,
        cancel,
        retry,
        tell_again,
        raw_result,
        versions,
        schedule,
        unschedule,
        scheduled_jobs,
        job,
        states,
        terminal_events,
    )
}


def main() -> None:
    django.setup()
    import tests.jobs.kinds_for_tests  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        answer = CALLS[asked["call"]](**asked["facts"])
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
