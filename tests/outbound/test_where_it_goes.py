"""Names, literals and redirects lead to permitted addresses only, whatever the other side says."""

import pytest
from aiohttp import web

from jobs.outbound.errors import AddressRefused, TooManyRedirects, WrongStatus
from tests.outbound.serving import Answers, fetching, json_body, redirecting, serving


async def test_an_address_that_is_not_public_is_never_connected_to() -> None:
    async with serving(json_body("1")) as secret, fetching(allowed=()) as fetch:
        for url in (secret.url, f"http://localhost:{secret.port}", f"http://127.1:{secret.port}"):
            with pytest.raises(AddressRefused):
                await fetch(url)
    assert secret.paths == []
    assert fetch.counted("outbound_fetches_total", outcome="refused") == 3
    assert fetch.counted("outbound_connections_total") == 0


@pytest.mark.parametrize("answers", [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["::1"]])
async def test_a_name_that_resolves_to_one_is_refused_as_a_whole(answers: list[str]) -> None:
    async with (
        serving(json_body("1")) as here,
        serving(json_body("1"), "127.0.0.2") as secret,
        fetching(resolver=Answers(answers)) as fetch,
    ):
        for server in (here, secret):
            with pytest.raises(AddressRefused, match="resolves to an address"):
                await fetch(f"http://rebound.example:{server.port}/")
    assert here.paths == secret.paths == []


async def test_the_address_that_was_judged_is_the_one_that_is_asked() -> None:
    """A name server that answers differently the second time changes nothing, within the TTL."""
    names = Answers(["127.0.0.1"], ["127.0.0.2"])
    async with serving(json_body('"here"')) as here, fetching(resolver=names) as fetch:
        url = f"http://rebinding.example:{here.port}/"
        assert await fetch(url, use_cache=False) == "here"
        assert await fetch(url, use_cache=False) == "here"
    assert names.asked == ["rebinding.example"]
    assert here.heads[0]["Host"] == f"rebinding.example:{here.port}"


async def test_a_name_that_is_looked_up_again_is_judged_again() -> None:
    names = Answers(["127.0.0.1"], ["127.0.0.2"])
    async with serving(close_after_answer) as here, fetching(resolver=names, dns_ttl_s=0) as fetch:
        url = f"http://rebinding.example:{here.port}/"
        assert await fetch(url, use_cache=False) == 1
        with pytest.raises(AddressRefused):
            await fetch(url, use_cache=False)
    assert len(here.paths) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    async with (
        serving(json_body('{"found": true}')) as target,
        serving(redirecting(f"{target.url}/moved", status)) as door,
        fetching() as fetch,
    ):
        assert await fetch(door.url) == {"found": True}
    assert target.paths == ["/moved"]


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.2:{port}/", "http://localhost.example:{port}/", "http://127.2:{port}/"),
        *("http://[::1]:{port}/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"),
        *("http://ada:sesame@127.0.0.1:{port}/", "//127.0.0.2:{port}/", "http://h:99999/"),
    ],
)
async def test_a_redirect_to_where_nobody_may_go_is_refused(location: str) -> None:
    async with serving(json_body("1"), "127.0.0.2") as secret:
        to = location.format(port=secret.port)
        async with (
            serving(redirecting(to)) as door,
            fetching(resolver=Answers(["127.0.0.2"])) as fetch,
        ):
            with pytest.raises(AddressRefused):
                await fetch(door.url)
    assert secret.paths == []
    assert len(door.paths) == 1


async def test_a_circle_of_redirects_ends() -> None:
    async with serving(redirecting("/again")) as door, fetching(redirects=3) as fetch:
        with pytest.raises(TooManyRedirects):
            await fetch(door.url)
    assert len(door.paths) == 4


async def test_a_redirect_to_nowhere_is_a_wrong_status() -> None:
    async def nowhere(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=302)

    async with serving(nowhere) as door, fetching() as fetch:
        with pytest.raises(WrongStatus):
            await fetch(door.url)


async def test_nothing_is_sent_that_identifies_anybody() -> None:
    async def with_cookie(_request: web.Request) -> web.StreamResponse:
        return web.json_response(1, headers={"Set-Cookie": "who=ada; Path=/"})

    async with serving(with_cookie) as server, fetching() as fetch:
        for _ in range(2):
            await fetch(f"{server.url}/#fragment", use_cache=False)
    assert server.paths == ["/", "/"]
    assert all("Cookie" not in head and "Authorization" not in head for head in server.heads)


async def close_after_answer(_request: web.Request) -> web.StreamResponse:
    answer = web.json_response(1)
    answer.force_close()
    return answer
