"""What a person types before anything runs, and what a connection is like that is kept."""

import socket
from pathlib import Path

import pytest

from mlapi.startup import listen
from tests.running import free_port, manage

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    "words", [["create_api_key", "admin"], ["convert_onnx", "iris"], ["promote_model", "iris:1"]]
)
def test_without_a_database_a_command_says_so_in_one_line(tmp_path: Path, words: list[str]) -> None:
    done = manage(tmp_path / "var", *words)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("mlapi: the database is not up to date")
    assert "Traceback" not in done.stderr


def test_answers_on_a_kept_connection_do_not_wait_to_be_joined() -> None:
    listening = listen("127.0.0.1", free_port())
    with listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
