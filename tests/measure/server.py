"""A real HTTP server in a thread that answers as its path says, and counts what it sees."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Seen:
    """What arrived. `together` requests to /barrier are answered only once all are there."""

    together: int = 1
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    url: str = ""


class Server:
    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.barrier = asyncio.Barrier(seen.together)
        self.transports: set[asyncio.Transport] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.transports.add(request.transport)
        self.seen.in_flight += 1
        self.seen.most_in_flight = max(self.seen.most_in_flight, self.seen.in_flight)
        try:
            self.seen.bodies.append(await request.read())
            self.seen.headers.append(dict(request.headers))
            return await self.as_the_path_says(request)
        finally:
            self.seen.in_flight -= 1

    async def as_the_path_says(self, request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/barrier":
                await self.barrier.wait()
            case "/slow":
                await asyncio.Event().wait()
            case "/closed":
                request.transport.close()
            case "/garbage":
                request.transport.write(b"this is not HTTP\r\n\r\n")
            case "/mixed":  # every fifth request each: 200, 422, 503, 201, closed
                return await self.in_turn(request)
            case "/full":
                return web.json_response({}, status=503, headers={"Retry-After": "1"})
            case path if path.startswith("/status/"):
                return web.json_response({}, status=int(path.rpartition("/")[2]))
        return web.json_response({"prediction": 0})

    async def in_turn(self, request: web.Request) -> web.StreamResponse:
        turn = int(self.seen.bodies[-1]) % 5
        if turn == 4:
            request.transport.close()
        return web.json_response({}, status=(200, 422, 503, 201, 200)[turn])


@contextlib.contextmanager
def serving(together: int = 1) -> Iterator[Seen]:
    """Serve on a free port of the loopback until the block ends."""
    seen, ready, stop = Seen(together=together), threading.Event(), []

    async def main() -> None:
        stop.extend((asyncio.get_running_loop(), done := asyncio.Event()))
        app = web.Application()
        server = Server(seen)
        app.router.add_route("*", "/{rest:.*}", server.answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listener).start()
        seen.url = "http://{}:{}".format(*listener.getsockname())
        ready.set()
        await done.wait()
        # asyncio loses a connection whose server is closed while it is being accepted.
        asyncio.get_running_loop().remove_reader(listener)
        for _ in range(2):  # the turns in which one is accepted
            await asyncio.sleep(0)
        await runner.cleanup()
        for transport in server.transports - {None}:
            transport.abort()  # one whose client has gone would otherwise outlive the loop
        for _ in range(3):  # the turns in which they are closed
            await asyncio.sleep(0)

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(30)
        yield seen
    finally:
        loop, done = stop
        loop.call_soon_threadsafe(done.set)
        thread.join(30)
        assert not thread.is_alive()
