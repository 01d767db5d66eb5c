"""Which models exist, their versions, which version is live, and who moved it there.

Versions and history never change: a version is written once and completed once, by the guarded
UPDATE of its conversion. Aliases are the only moving part, and the services move them.
"""

from modelregistry.models.alias import Alias, AliasChange
from modelregistry.models.live import LiveVersion
from modelregistry.models.model import RegisteredModel
from modelregistry.models.names import CHAMPION
from modelregistry.models.revision import REGISTRY, Revision
from modelregistry.models.schedule import RETRAIN, ScheduledRetraining
from modelregistry.models.version import ModelVersion

__all__ = [
    "CHAMPION",
    "REGISTRY",
    "RETRAIN",
    "Alias",
    "AliasChange",
    "LiveVersion",
    "ModelVersion",
    "RegisteredModel",
    "Revision",
    "ScheduledRetraining",
]
