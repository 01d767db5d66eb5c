"""The WebSockets of jobs; who may open them is asked in front of these."""

from django.urls import re_path

from jobs.consumers import JobConsumer, JobListConsumer

websocket_urlpatterns = [
    re_path(r"^ws/jobs/?$", JobListConsumer.as_asgi()),
    re_path(r"^ws/jobs/(?P<job_id>[0-9A-Fa-f-]{36})/?$", JobConsumer.as_asgi()),
]
