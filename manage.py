#!/usr/bin/env python
"""Django's command line for mlapi. A wrong environment, or a database that is not there, ends here
with one line and exit code 2.
"""

import os
import sys
from typing import NoReturn

from django.core.management import execute_from_command_line
from django.db import DatabaseError

from jobs.preconditions import database_fault, migration_fault
from mlapi.variables import EnvironmentFault


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlapi.settings")
    try:
        execute_from_command_line(sys.argv)
    except EnvironmentFault as fault:
        refuse(str(fault))
    except DatabaseError:
        if fault_line := database_fault() or migration_fault():
            refuse(fault_line)
        raise


def refuse(fault: str) -> NoReturn:
    print(f"mlapi: {fault}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
