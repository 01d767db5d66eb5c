"""REST addresses of jobs, each with and without its last slash, and the tutorial's two."""

from django.urls import re_path

from jobs.views import api, tutorial

JOBS = r"^api/v1/jobs"
JOB = rf"{JOBS}/(?P<job_id>[0-9A-Fa-f-]{{1,64}})"

urlpatterns = [
    re_path(rf"{JOBS}/?$", api.JobList.as_view(), name="job-list"),
    re_path(rf"{JOB}/?$", api.JobDetail.as_view(), name="job-detail"),
    re_path(rf"{JOB}/events/?$", api.JobEvents.as_view(), name="job-events"),
    re_path(rf"{JOB}/result/?$", api.JobResult.as_view(), name="job-result"),
    re_path(rf"{JOB}/cancel/?$", api.JobCancel.as_view(), name="job-cancel"),
    re_path(rf"{JOB}/retry/?$", api.JobRetry.as_view(), name="job-retry"),
    re_path(r"^api/v1/job-kinds/?$", api.JobKinds.as_view(), name="job-kinds"),
    re_path(r"^task/(?P<task_id>[^/]{1,64})/?$", tutorial.TaskDetail.as_view(), name="task"),
    re_path(r"^tasks/active/?$", tutorial.ActiveTasks.as_view(), name="tasks-active"),
]
