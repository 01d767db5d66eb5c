"""Offers to go on in another protocol are passed over, as those of Java's own client are."""

import pytest

from tests.limits.dialling import BODY, DJANGO, LANE, answer, dial, head, post, until_closed

pytestmark = pytest.mark.stack
OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAI")
LENGTH, CHUNKED = f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"
BODIES = {LENGTH: BODY, CHUNKED: b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)}


@pytest.mark.parametrize("path", [LANE, DJANGO])
@pytest.mark.parametrize("framing", BODIES, ids=["length", "chunked"])
@pytest.mark.parametrize("together", [True, False])
def test_a_request_with_an_offer_is_read_whole(
    url: str, path: str, framing: str, together: bool
) -> None:
    with dial(url) as client:
        for part in _parts(head(path, *OFFER, framing), BODIES[framing], together=together):
            client.sendall(part)
            if not together:
                with dial(url) as other:  # the first part has been read when this is answered
                    other.sendall(head("/livez", method="GET"))
                    assert answer(other).status == 200
        assert answer(client).status == 200
        client.sendall(post(path))  # the connection goes on
        assert answer(client).status == 200


def _parts(*parts: bytes, together: bool) -> list[bytes]:
    return [b"".join(parts)] if together else list(parts)


def test_a_request_without_a_body_and_those_behind_it_are_answered(url: str) -> None:
    with dial(url) as client:
        client.sendall(
            head("/livez", *OFFER, method="GET")
            + post(LANE)
            + head("/livez", *OFFER, "Connection: close, Upgrade", method="GET")
        )
        told = until_closed(client)
    assert told.count(b"HTTP/1.1 200 ") == told.count(b"HTTP/1.1") == 3


def test_an_offer_does_not_lift_a_limit(url: str) -> None:
    with dial(url) as client:
        client.sendall(head(LANE, *OFFER, "Expect: 100-continue", f"Content-Length: {1 << 30}"))
        assert answer(client).status == 413
