"""What the page of a version says while its file is checked, and where it was not taken."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q
from django.forms import Script
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from jobs import states
from jobs.access import visible_to
from jobs.admin import showing
from jobs.models import Job
from modelregistry import services
from modelregistry.models import ModelVersion

WORDS = {
    "pending": "Its file waits to be checked.",
    "validating": "Its file is being checked: what it is, what it takes and what it gives.",
    "converting": "Its ONNX form is being made, and compared with the model in the file.",
    "rejected": "Its file is not taken. Hand in another one as the next version.",
    "broken": "Its check ended without a verdict.",
}
DAMAGED = "Its file is missing or altered: it answers nobody until the file is whole again."
UNCHECKED = (
    (None, {"fields": ("model", "number", "state_shown")}),
    ("Artifacts", {"fields": ("source",)}),
    ("Origin", {"fields": ("created_at", "creator", "job", "metadata_shown")}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A version that is not ready, and the job that works on it, where one may see that."""

    version: ModelVersion
    job: Job | None

    @property
    def words(self) -> str:
        """The job is taken up a moment before the version says so."""
        begun = self.job is not None and self.job.state == states.RUNNING
        return self.begun if begun and self.version.state == "pending" else words_of(self.version)

    @property
    def begun(self) -> str:
        return WORDS["validating"]

    @property
    def reason(self) -> str:
        return "" if self.version.is_under_way else self.version.why

    @property
    def may_be_retried(self) -> bool:
        return self.version.state == "broken" and not self.version.damage

    @property
    def state(self) -> SafeString:
        assert self.job is not None
        return showing.state_badge(self.job)

    @property
    def progress(self) -> SafeString:
        assert self.job is not None
        return showing.progress_bar(self.job)

    @property
    def api(self) -> str:
        assert self.job is not None
        return f"{reverse('job-detail', args=[self.job.pk])}/"

    @property
    def socket(self) -> str:
        assert self.job is not None
        return f"/ws/jobs/{self.job.pk}/"


class Waiting(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """The base of the versions' admin; its page follows the check without a reload."""

    change_form_before_template = "admin/modelregistry/check.html"

    class Media:
        css = {"all": ("jobs/jobs.css", "modelregistry/registry.css")}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        context = {
            "check": _check_of(request, version),
            "badges": showing.BADGES,
            "check_script": Script("modelregistry/check.js", type="module"),
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]


def words_of(version: ModelVersion) -> str:
    """How far its check is, or what became of it; empty where it is ready."""
    return DAMAGED if version.damage else WORDS.get(version.state, "")


def is_unchecked(version: Model | None) -> bool:
    return isinstance(version, ModelVersion) and not version.is_known


def _check_of(request: HttpRequest, version: ModelVersion | None) -> Check | None:
    if version is None or version.state == ModelVersion.State.READY:
        return None
    checks = Q(kind=services.INGEST, subject_id=str(version.pk)) | Q(pk=version.job_id)
    job = visible_to(request.user).filter(checks).order_by("-created_at").first()
    return Check(version=version, job=job)
