"""The audit trail's pages: to look at, for those who may; nobody changes or deletes an entry."""

from auditlog.filters import ResourceTypeFilter
from auditlog.models import LogEntry
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import ModelAdmin
from unfold.decorators import display

from mlapi.auditing import READING

admin.site.unregister(LogEntry)
LONGEST = 60  # characters of changes in the list
NOTHING = ("", "None", None)
ACTIONS = {
    LogEntry.Action.CREATE: "created",
    LogEntry.Action.UPDATE: "changed",
    LogEntry.Action.DELETE: "deleted",
}


@admin.register(LogEntry)
class AuditTrail(ModelAdmin):  # type: ignore[misc]
    """`manage.py auditlogflush` is the only way to delete entries."""

    list_display = ("timestamp", "who", "origin", "action_shown", "kind", "which", "change")
    list_display_links = ("timestamp",)
    list_select_related = ("actor", "content_type")
    list_filter = ("action", ResourceTypeFilter, ("actor", admin.RelatedOnlyFieldListFilter))
    date_hierarchy = "timestamp"
    show_full_result_count = False
    search_fields = ("object_repr", "object_pk", "actor__username", "remote_addr")
    search_help_text = "Search by object, its id, actor or address"
    actions = None
    fields = ("timestamp", "who", "origin", "action_shown", "kind", "which", "changes_shown")
    empty_hint = "What people, keys, jobs and commands change shows up here by itself."

    def has_view_permission(self, request: HttpRequest, obj: LogEntry | None = None) -> bool:
        return request.user.has_perms(READING)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LogEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LogEntry | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in ("object_pk", "content_type") or super().lookup_allowed(
            lookup, value, request
        )

    @admin.display(description="Who", ordering="actor__username")
    def who(self, entry: LogEntry) -> str:
        return str(entry.actor or entry.actor_email or "nobody")

    @display(  # type: ignore[untyped-decorator]
        description="What", label={"created": "success", "changed": "info", "deleted": "danger"}
    )
    def action_shown(self, entry: LogEntry) -> str:
        return ACTIONS.get(entry.action, "read")

    @admin.display(description="Kind", ordering="content_type")
    def kind(self, entry: LogEntry) -> str:
        model = entry.content_type.model_class()
        return str(model._meta.verbose_name if model else entry.content_type.model)

    @admin.display(description="Which")
    def which(self, entry: LogEntry) -> str | SafeString:
        kind = entry.content_type
        try:
            page = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[entry.object_pk])
        except NoReverseMatch:
            return str(entry.object_repr)
        return format_html('<a href="{}">{}</a>', page, entry.object_repr)

    @admin.display(description="Change")
    def change(self, entry: LogEntry) -> str:
        said = "; ".join(_told(entry))
        return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"

    @admin.display(description="Changes")
    def changes_shown(self, entry: LogEntry) -> SafeString:
        return format_html_join(mark_safe("<br>"), "{}", ((said,) for said in _told(entry)))

    @admin.display(description="From where", ordering="remote_addr")
    def origin(self, entry: LogEntry) -> str:
        """A request's address, the job that did it, or else a command on one of our machines."""
        within = entry.additional_data or {}
        if job := within.get("job"):
            return f"job {job[:8]}"
        return str(entry.remote_addr or within.get("process") or "command")


def _told(entry: LogEntry) -> list[str]:
    """A line for each thing that changed."""
    lines = (_said(name, values) for name, values in (entry.changes or {}).items())
    return [line for line in lines if line]


def _said(name: str, values: object) -> str:
    """Of something new, what it has; of a change, before and after."""
    if isinstance(values, dict):  # members of a group, and the like
        return f"{name} {values['operation']}: {', '.join(values['objects'])}"
    old, new = values if isinstance(values, list) else ("", values)
    if old in NOTHING:
        return "" if new in NOTHING else f"{name}: {new}"
    return f"{name}: {old} → {'nothing' if new in NOTHING else new}"
