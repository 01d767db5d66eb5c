"""The setting of what is logged: one line an event, on standard error."""

from typing import Any

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "filters": {
        # A refusal is counted, and one line of ours in the admin; failures come with an exception.
        "failures": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda r: r.exc_info is not None and getattr(r, "status_code", 500) >= 500,
        }
    },
    "handlers": {
        "nowhere": {"class": "logging.NullHandler"},  # a refused host is text of the client's
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django.request": {"filters": ["failures"]},
        "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
        "mlapi": {"level": "INFO"},
        "predictions": {"level": "INFO"},
        "modelregistry": {"level": "INFO"},
        "jobs": {"level": "INFO"},
    },
}
