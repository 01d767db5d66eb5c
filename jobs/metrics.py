"""What Prometheus reads of jobs, in whichever process it happens.

The dispatcher reads the gauges from the rows; with several of them the newest reading counts.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import product

from django.db.models import Count, Min
from prometheus_client import Counter, Gauge, Histogram

from jobs import states
from jobs.errors import REASONS
from jobs.kinds import all_kinds
from jobs.models import Job

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
QUEUED = Gauge("jobs_queued", "Jobs that wait.", ["kind"], multiprocess_mode="livemostrecent")
RUNNING = Gauge("jobs_running", "Jobs that run.", ["kind"], multiprocess_mode="livemostrecent")
OLDEST = Gauge(
    "jobs_oldest_queued_seconds",
    "Age of the job that has been due for longest; 0 when none waits.",
    multiprocess_mode="livemostrecent",
)
FINISHED = Counter("jobs_finished_total", "Jobs that ended, by how.", ["kind", "state"])
WAIT = Histogram("jobs_wait_seconds", "From due to the first start.", ["kind"], buckets=BUCKETS)
RUN = Histogram("jobs_run_seconds", "From the last start to the end.", ["kind"], buckets=BUCKETS)
RESCUED = Counter("jobs_rescued_total", "Jobs taken from workers that were lost.", ["kind"])
QUARANTINED = Counter("jobs_quarantined_total", "Messages that made no sense.", ["reason"])


def count_from_zero(*counters: Counter) -> None:
    """Show these with all labels that they may have, in a process that counts them.

    Prometheus sees no increase in a series whose first value is 1.
    """
    known = {
        "kind": [kind.name for kind in all_kinds()],
        "state": states.TERMINAL,
        "reason": REASONS,
    }
    for counter in counters:
        for values in product(*(known[name] for name in counter._labelnames)):
            counter.labels(*values)


def count_started(job: Job) -> None:
    if job.attempt == 1 and job.started_at is not None:
        WAIT.labels(job.kind).observe(max(0, (job.started_at - due_at(job)).total_seconds()))


def count_finished(job: Job) -> None:
    FINISHED.labels(job.kind, job.state).inc()
    if job.started_at is not None and job.finished_at is not None:
        RUN.labels(job.kind).observe(max(0, (job.finished_at - job.started_at).total_seconds()))


def due_at(job: Job) -> datetime:
    return max(job.created_at, job.not_before or job.created_at)


def read_gauges(now: datetime, kinds: Iterable[str]) -> None:
    """Set the gauges to what the rows say; kinds without a job are 0."""
    open_rows = Job.objects.filter(state__in=[states.QUEUED, states.RUNNING]).order_by()
    counts = {
        (row["kind"], row["state"]): row["count"]
        for row in open_rows.values("kind", "state").annotate(count=Count("pk"))
    }
    for kind in {*kinds, *(kind for kind, _ in counts)}:
        QUEUED.labels(kind).set(counts.get((kind, states.QUEUED), 0))
        RUNNING.labels(kind).set(counts.get((kind, states.RUNNING), 0))
    OLDEST.set(_oldest_queued_s(now))


def _oldest_queued_s(now: datetime) -> float:
    queued = Job.objects.filter(state=states.QUEUED)
    at_once = queued.filter(not_before=None).aggregate(since=Min("created_at"))["since"]
    later = queued.filter(not_before__lte=now).aggregate(since=Min("not_before"))["since"]
    since = min(filter(None, [at_once, later]), default=now)
    return max(0.0, (now - since).total_seconds())
