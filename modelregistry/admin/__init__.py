"""The registry in the admin: models, their versions, and who promoted what."""

from modelregistry.admin.promotions import PromotionAdmin
from modelregistry.admin.registered import RegisteredModelAdmin
from modelregistry.admin.retrained import retrained_context
from modelregistry.admin.retraining import RetrainForm
from modelregistry.admin.schedules import ScheduleAdmin
from modelregistry.admin.versions import ModelVersionAdmin

__all__ = [
    "ModelVersionAdmin",
    "PromotionAdmin",
    "RegisteredModelAdmin",
    "RetrainForm",
    "ScheduleAdmin",
    "retrained_context",
]
