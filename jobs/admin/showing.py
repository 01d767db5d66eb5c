"""A job in words, badges and bars, as list and page show it first; scripts keep it up to date."""

from dataclasses import dataclass
from datetime import datetime

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.models import Job
from jobs.serializers import subject_url
from jobs.states import QUEUED


@dataclass(frozen=True, slots=True)
class Badge:
    """A state's word, unfold's name of its colour, and its symbol."""

    word: str
    colour: str
    icon: str


BADGES = (
    Badge("queued", "default", "schedule"),
    Badge("running", "info", "play_arrow"),
    Badge("cancelling", "warning", "hourglass_top"),
    Badge("succeeded", "success", "check"),
    Badge("failed", "danger", "error"),
    Badge("cancelled", "warning", "block"),
    Badge("dead", "danger", "skull"),
)
_badges = {badge.word: badge for badge in BADGES}
NOTHING = "–"  # noqa: RUF001 - a dash, as people write where there is nothing


def state_badge(job: Job) -> SafeString:
    return render_to_string("admin/jobs/badge.html", {"badge": _badges[_word(job)], "seq": job.seq})


def _word(job: Job) -> str:
    asked = job.cancel_requested_at is not None and not job.is_terminal
    return "cancelling" if asked else job.state


def progress_bar(job: Job) -> SafeString:
    told = job.state != QUEUED  # else of an attempt whose worker was lost
    facts = {"job": job, "told": told, "words": _progress(job) if told else ""}
    return render_to_string("admin/jobs/progress.html", facts)


def _progress(job: Job) -> str:
    counted = f"{job.progress_done} of {job.progress_total}" if job.progress_total else ""
    return ", ".join(filter(None, (job.progress_stage, counted)))


def subject_link(job: Job) -> str:
    url = subject_url(job)
    if url is None:
        return job.subject_label or NOTHING
    return format_html('<a href="{}" data-subject>{}</a>', url, job.subject_label)


def moment(at: datetime | None) -> SafeString:
    """A time to the second, as a machine reads it too."""
    if at is None:
        return format_html("{}", NOTHING)
    words = date_format(at, "DATETIME_FORMAT")
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), words)


def waited(job: Job, now: datetime) -> SafeString:
    """How long it was not running, or has not been so far."""
    if job.started_at is None and job.is_terminal:
        return _timed("waited", NOTHING)
    return _timed("waited", duration(job.created_at, _begin(job) or now))


def ran(job: Job, now: datetime) -> SafeString:
    begin = _begin(job)
    if begin is None:
        return _timed("ran", NOTHING)
    return _timed("ran", duration(begin, job.finished_at or now))


def _begin(job: Job) -> datetime | None:
    """What is queued again after its worker was lost has yet to begin."""
    return None if job.state == QUEUED else job.started_at


def _timed(name: str, words: str) -> SafeString:
    return format_html('<span data-show="{}">{}</span>', name, words)


def duration(begin: datetime, end: datetime) -> str:
    """0.42 s, 12 s, 3 min 04 s, 2 h 05 min: the same words as show.js has."""
    seconds = max((end - begin).total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60):02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
