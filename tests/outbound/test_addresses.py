"""Which URLs and addresses are refused before anything is sent."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.outbound.addresses import Rules, is_public, parsed
from jobs.outbound.errors import AddressRefused

PUBLIC = [
    *("93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::101:101"),
    *("192.0.1.1", "192.88.98.1"),
]
NOT_PUBLIC = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1"),
    *("fec0::1", "ff02::1", "2001:db8::1"),
    *("192.0.0.8", "192.0.0.255", "192.88.99.1", "3fff::1", "3fff:fff:ffff::1"),
]
PRIVATE_INSIDE = [
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1"),  # mapped, compatible
    *("::ffff:192.0.0.8", "2002:c058:6301::"),  # mapped, 6to4
    *("2002:7f00:1::", "2002:a00:1::1"),  # 6to4
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),  # NAT64
    "2001:0:7f00:1::",  # Teredo
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_of_a_network_of_ones_own_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE_INSIDE)
def test_nor_is_one_that_carries_such_an_address_inside(address: str) -> None:
    assert not is_public(ip_address(address))


@given(st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_no_spelling_of_loopback_is_public(address: object) -> None:
    assert not is_public(ip_address(str(address)))
    assert not is_public(ip_address(f"::ffff:{address}"))


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "017700000001", "127.0.0.1.", "127.0.0.01", "::g", "1.2.3"]
)
def test_an_address_spelt_for_the_system_alone_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused, match="no complete address"):
        Rules().check_literal(host)


def test_the_operator_may_allow_a_network_and_no_more_than_that() -> None:
    rules = Rules((ip_network("10.1.0.0/16"),))

    rules.check_literal("10.1.2.3")
    rules.check_literal("no-address.example")
    with pytest.raises(AddressRefused, match=r"10\.2\.0\.1 is not a public address"):
        rules.check_literal("10.2.0.1")


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "example.org", "//example.org/", "ftp://example.org/", "file:///etc/passwd"),
        *("gopher://h/", "http://", "http:///path", "https://[::1", "http://h:99999/", "http://.."),
        *(
            "http://a..b/",
            "http://a b/",
            "http://a\x1bb/",
            "http://*.example/",
            "http://h\r\nX: y/",
        ),
        *("http://" + "a" * 64 + ".example/", "http://" + "a." * 200 + "/"),
        *("http://h/" + "x" * 9000, "\x00", "javascript:alert(1)", "unix:///tmp/socket"),
    ],
)
def test_what_is_no_web_address_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        parsed(text)


@pytest.mark.parametrize("text", ["http://ada:sesame@h/", "https://ada@h/", "http://:sesame@h/"])
def test_credentials_in_a_url_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(AddressRefused, match="credentials") as refusal:
        parsed(text)
    assert "sesame" not in str(refusal.value)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    for candidate in (text, f"http://{text}", f"http://example.org/{text}"):
        try:
            url = parsed(candidate)
        except AddressRefused:
            continue
        assert url.scheme in ("http", "https")
        assert url.raw_host
        assert url.raw_host.isascii()
