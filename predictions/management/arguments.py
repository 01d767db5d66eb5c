"""Types of command line arguments: what cannot be meant ends in one clear line."""

from argparse import ArgumentTypeError
from urllib.parse import urlsplit


def positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ArgumentTypeError("a whole number of at least 1 is needed")
    return int(text)


def http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ArgumentTypeError("an address such as http://127.0.0.1:8000/predict-async is needed")
    return text
