"""The data plane: an exact table of routes over one engine. Its collaborators are given to it."""

from predictions.errors import MethodNotAllowed
from predictions.lane.collaborators import Client, Collaborators, Headers, Respond
from predictions.lane.exchange import Exchange, Target
from predictions.lane.routes import NativeRoute, native_routes, tutorial_routes

_MODELS, _PREDICT = "/api/v1/models/", "/predict"


class Lane:
    """Handles requests for the paths of its table. One event loop owns a lane."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._collaborators = collaborators
        self.body_limit = collaborators.body_limit
        self.room = collaborators.room
        self._native = native_routes()
        self._table = {
            spelling: Target(route, collaborators.default_model)
            for path, route in tutorial_routes().items()
            for spelling in (path, f"{path}/")
        }

    def target(self, path: str) -> Target | None:
        """What `path` (percent-decoded, no query) names on the data plane, if anything."""
        found = self._table.get(path)
        if found is None and path.startswith(_MODELS):
            address, predict, rest = path[len(_MODELS) :].rpartition(_PREDICT)
            if predict and rest in ("", "/") and (route := self._native_route(address)):
                return Target(route, address)
        return found

    def _native_route(self, address: str) -> NativeRoute | None:
        """They differ in what they are counted as, alone."""
        name, slash, rest = address.partition("/")
        if not name:
            return None
        if slash:
            kind, _, number = rest.partition("/")
            return self._native.version if kind == "versions" and number.isdecimal() else None
        return self._native.alias if "@" in name else self._native.champion

    def paths(self) -> list[str]:
        """The table's path templates, for those who list the service's routes."""
        table = [path for path in self._table if not path.endswith("/")]
        return table + [route.endpoint for route in self._native]

    def handle(
        self,
        target: Target,
        method: str,
        headers: Headers,
        body: bytes,
        respond: Respond,
        *,
        client: Client = None,
    ) -> Exchange:
        """Answer through `respond`, at once or on a later turn of the loop. Never raises."""
        exchange = Exchange(self._collaborators, target, method, headers, respond)
        if method != "POST":
            exchange.fail(MethodNotAllowed("POST"))
        else:
            exchange.begin(headers, body, client)
        return exchange

    def refuse(
        self, target: Target, method: str, headers: Headers, fault: Exception, respond: Respond
    ) -> None:
        """Answer a request whose body a door would not take."""
        Exchange(self._collaborators, target, method, headers, respond).fail(fault)
