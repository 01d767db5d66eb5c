"""A process whose kernel grants no confinement: a filter that is on it already refuses it."""

import sys

import msgspec

from modelregistry.ingestion.child import give_up_rights
from modelregistry.intake.sandbox import Start

if __name__ == "__main__":
    start = msgspec.json.decode(sys.argv[1], type=Start)
    give_up_rights(start)
    give_up_rights(start)
    print("a stranger's file is opened here")
