import socket

import pytest

from tests.measure.server import serving


@pytest.fixture
def server():
    with serving() as seen:
        yield seen


@pytest.fixture
def closed_port():
    """A port where nobody listens: bound, so that nobody else takes it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
