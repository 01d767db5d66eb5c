"""Origins and proxies as the environment may name them."""

import socket

import pytest

from mlapi.env import read_environment
from mlapi.stack import web
from mlapi.variables import EnvironmentFault


def test_nobody_but_this_machine_is_believed_and_no_page_may_ask_unless_told() -> None:
    environment = read_environment({})
    assert environment.trusted_proxies == ("127.0.0.1",)
    assert environment.cors_origins == ()


def test_origins_are_taken_as_browsers_send_them() -> None:
    given = "https://app.example.org, http://localhost:3000,http://[::1]:8080"
    environment = read_environment({"MLAPI_CORS_ORIGINS": given})
    assert environment.cors_origins == tuple(word.strip() for word in given.split(","))


@pytest.mark.parametrize(
    "wrong",
    [
        *("*", "null", "app.example.org", "https://", "https://a.example/", "https://a.example/x"),
        *("https://*.example.org", "https://A.example", "https://a.example:443", "ftp://a.example"),
        *("https://ada@a.example", "https://a.example:x"),
    ],
)
def test_what_no_browser_sends_is_refused(wrong: str) -> None:
    with pytest.raises(EnvironmentFault, match="MLAPI_CORS_ORIGINS must name origins"):
        read_environment({"MLAPI_CORS_ORIGINS": wrong})


@pytest.mark.parametrize("wrong", ["*", "proxy", "10.0.0.1/8", "10.0.0.256"])
def test_proxies_are_addresses_or_networks(wrong: str) -> None:
    with pytest.raises(EnvironmentFault, match="MLAPI_TRUSTED_PROXIES"):
        read_environment({"MLAPI_TRUSTED_PROXIES": wrong})


def test_the_server_that_up_starts_believes_the_proxies_that_are_named() -> None:
    environment = read_environment({"MLAPI_TRUSTED_PROXIES": "10.0.0.7, 192.168.0.0/16"})
    with socket.socket() as listening:
        words = web(environment, {}, listening).argv
    assert words[words.index("--forwarded-allow-ips") + 1] == "10.0.0.7,192.168.0.0/16"
