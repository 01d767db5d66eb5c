"""Reading a table of a stranger's: its rows become plain arrays. Runs in the confined child, on
files in the folder it works in.
"""

from pathlib import Path

from modelregistry.errors import RefusedFile
from modelregistry.formats.packed import pack
from modelregistry.formats.runtime import FormatError
from modelregistry.ingestion import wire
from modelregistry.intake.tables import read_rows
from modelregistry.intake.tables.columns import MOST_BYTES


def tabulate(table: wire.Table) -> wire.Read:
    """Raises RefusedFile for what is no table that is taken."""
    rows = read_rows(Path(wire.TABLE).read_bytes(), target=table.target)
    try:
        packed = pack(rows)
    except FormatError as error:
        raise RefusedFile(f"The file cannot be taken: {error}") from error
    if len(packed) > wire.LARGEST[wire.ROWS]:
        raise RefusedFile(f"The sample rows hold more than {MOST_BYTES >> 20} MB of text.")
    Path(wire.ROWS).write_bytes(packed)
    return wire.Read()
