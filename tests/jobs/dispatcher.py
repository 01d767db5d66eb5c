"""`manage.py dispatch` that knows the tests' kinds too."""

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    import tests.jobs.kinds_for_tests  # noqa: F401

    call_command("dispatch")


if __name__ == "__main__":
    main()
