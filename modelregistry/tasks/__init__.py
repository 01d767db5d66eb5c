"""The kinds of work on models. Handlers translate and call one step; apps.py has them recorded."""

from modelregistry.tasks.comparing import COMPARE
from modelregistry.tasks.converting import CONVERT, CONVERT_STEPS, conversion_of
from modelregistry.tasks.retraining import retrain_answer
from modelregistry.tasks.telling import Steps, model_page, named_or_wrong, owner_of

__all__ = [
    "COMPARE",
    "CONVERT",
    "CONVERT_STEPS",
    "Steps",
    "conversion_of",
    "model_page",
    "named_or_wrong",
    "owner_of",
    "retrain_answer",
]
