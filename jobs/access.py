"""Who may see which jobs, and act upon them. Jobs one may not see are unknown to one."""

from collections.abc import Callable
from typing import TypeAlias

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.db.models import Q

from jobs.kinds import all_kinds
from jobs.models import Job, JobQuerySet

VIEW_JOB, CANCEL_JOB = "jobs.view_job", "jobs.cancel_job"
Hiding: TypeAlias = Callable[[AbstractBaseUser | AnonymousUser], Q | None]
NOT_IN_LISTS = ("params", "result", "traceback")  # what may be large


_hiding: list[Hiding] = []


def hide(jobs_of: Hiding) -> Hiding:
    """An app above says which jobs are unknown to whom, whoever they belong to: those about what
    they do not see. None where they see all.
    """
    _hiding.append(jobs_of)
    return jobs_of


def visible_to(user: AbstractBaseUser | AnonymousUser) -> JobQuerySet:
    """One's own; to staff who may view jobs all but those of kinds that tell of what they may not
    see; none to those we do not know, and none about what one does not see.
    """
    jobs = Job.objects.select_related("owner")
    if not isinstance(user, PermissionsMixin):
        return jobs.none()
    for hidden in (jobs_of(user) for jobs_of in _hiding):
        jobs = jobs if hidden is None else jobs.exclude(hidden)
    if getattr(user, "is_staff", False) and user.has_perm(VIEW_JOB):
        closed = [k.name for k in all_kinds() if k.seen_with and not user.has_perm(k.seen_with)]
        return jobs.exclude(~Q(owner_id=user.pk), kind__in=closed) if closed else jobs
    return jobs.filter(owner_id=user.pk)


def readable_by(user: AbstractBaseUser | AnonymousUser) -> JobQuerySet:
    """Besides, for those who know the id: what nobody in particular has submitted."""
    anonymous = Q(owner=None, origin__in=(Job.Origin.TUTORIAL, Job.Origin.DIRECT))
    return Job.objects.filter(anonymous | Q(pk__in=visible_to(user).values("pk")))


def may_act(user: AbstractBaseUser | AnonymousUser, job: Job) -> bool:
    """Cancel or retry a job that one sees: one's own, or any with the permission."""
    if not isinstance(user, PermissionsMixin):
        return False
    return job.owner_id == user.pk or user.has_perm(CANCEL_JOB)
