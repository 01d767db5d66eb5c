"""What changes the registry: create a model, hand in or register a version, convert it,
promote it, roll back.

Slow work (loading, converting, proving) is done outside transactions; each transaction writes
what is known by then. Files are stored before the row that names them.
"""

from modelregistry.services.aliasing import move_alias, remove_alias
from modelregistry.services.answering import answering_number, broken_champion
from modelregistry.services.challenging import (
    Challenge,
    Verdict,
    promote_if_better,
    promotion_of,
)
from modelregistry.services.collecting import MAY_BE_RETRIED_FOR, Collected, collect
from modelregistry.services.converting import Converted, check_convertible, convert
from modelregistry.services.damage import Mender, report_damage, stand_ins
from modelregistry.services.ingesting import ingest
from modelregistry.services.looking import read_table
from modelregistry.services.managing import archive, change_model
from modelregistry.services.ordering import (
    RowsHandedIn,
    check_may_retrain,
    order_retraining,
)
from modelregistry.services.promoting import promote
from modelregistry.services.registering import (
    check_name,
    create_model,
    register_file,
    register_for_job,
    register_version,
)
from modelregistry.services.rolling_back import rollback, rollback_goal
from modelregistry.services.storing import RowSet, sample_rows, store, unread_rows
from modelregistry.services.uploading import (
    INGEST,
    Upload,
    check_open,
    give_up,
    hand_in,
    take_up,
)

__all__ = [
    "INGEST",
    "MAY_BE_RETRIED_FOR",
    "Challenge",
    "Collected",
    "Converted",
    "Mender",
    "RowSet",
    "RowsHandedIn",
    "Upload",
    "Verdict",
    "answering_number",
    "archive",
    "broken_champion",
    "change_model",
    "check_convertible",
    "check_may_retrain",
    "check_name",
    "check_open",
    "collect",
    "convert",
    "create_model",
    "give_up",
    "hand_in",
    "ingest",
    "move_alias",
    "order_retraining",
    "promote",
    "promote_if_better",
    "promotion_of",
    "read_table",
    "register_file",
    "register_for_job",
    "register_version",
    "remove_alias",
    "report_damage",
    "rollback",
    "rollback_goal",
    "sample_rows",
    "stand_ins",
    "store",
    "take_up",
    "unread_rows",
]
