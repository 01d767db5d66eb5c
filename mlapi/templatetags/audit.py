"""For templates: where the audit trail tells of an object."""

from urllib.parse import urlencode

from django import template
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import reverse

from jobs.audit import name_of

register = template.Library()


@register.simple_tag
def audit_trail_of(subject: Model) -> str:
    """The list of its entries."""
    kind = ContentType.objects.get_for_model(subject)
    query = urlencode({"content_type": kind.pk, "object_pk": name_of(subject)})
    return f"{reverse('admin:auditlog_logentry_changelist')}?{query}"
