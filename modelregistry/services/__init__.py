"""What changes the registry: create a model, register a version, convert it, promote it.

Slow work (loading, converting, proving) is done outside transactions; each transaction writes
what is known by then. Files are stored before the row that names them.
"""

from modelregistry.services.converting import Converted, check_convertible, convert
from modelregistry.services.promoting import promote
from modelregistry.services.registering import (
    check_name,
    create_model,
    register_for_job,
    register_version,
)
from modelregistry.services.storing import sample_rows, store

__all__ = [
    "Converted",
    "check_convertible",
    "check_name",
    "convert",
    "create_model",
    "promote",
    "register_for_job",
    "register_version",
    "sample_rows",
    "store",
]
