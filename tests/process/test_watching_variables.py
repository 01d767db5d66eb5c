"""The variables that say how the service is watched: what they may hold, and who gets them."""

import pytest

from mlapi.env import read_environment
from mlapi.stack import child_environ
from mlapi.variables import EnvironmentFault


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("[::1]:9100", ("::1", 9100)),
        ("worker.internal:65535", ("worker.internal", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int] | None) -> None:
    assert read_environment({"MLAPI_METRICS_ADDRESS": text}).metrics_address == address


@pytest.mark.parametrize("text", ["9100", ":9100", "host:", "host:0", "host:65536", "host:+1"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(EnvironmentFault, match=r"MLAPI_METRICS_ADDRESS .* 127\.0\.0\.1:9100"):
        read_environment({"MLAPI_METRICS_ADDRESS": text})


def test_the_parts_of_up_do_not_listen_for_scrapes() -> None:
    """Web's /metrics has all that they count: a second place would count it twice."""
    given = {"MLAPI_METRICS_ADDRESS": "127.0.0.1:9100", "MLAPI_METRICS_TOKEN": "sesame"}
    children = child_environ(read_environment(given), given)
    assert "MLAPI_METRICS_ADDRESS" not in children
    assert children["MLAPI_METRICS_TOKEN"] == "sesame"
