"""The data plane: an exact table of routes over one engine. Its collaborators are given to it."""

from predictions.errors import MethodNotAllowed
from predictions.lane.exchange import Collaborators, Exchange, Headers, Respond, Target
from predictions.lane.routes import NativeRoute, tutorial_routes

_MODELS = "/api/v1/models/"


class Lane:
    """Handles requests for the paths of its table. One event loop owns a lane."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._collaborators = collaborators
        self.body_limit = collaborators.body_limit
        self._native = NativeRoute()
        self._table = {
            spelling: Target(route, collaborators.default_model)
            for path, route in tutorial_routes().items()
            for spelling in (path, f"{path}/")
        }

    def target(self, path: str) -> Target | None:
        """What `path` (percent-decoded, no query) names on the data plane, if anything."""
        found = self._table.get(path)
        if found is None and path.startswith(_MODELS):
            name, slash, rest = path[len(_MODELS) :].partition("/")
            if slash and name and rest in ("predict", "predict/"):
                return Target(self._native, name)
        return found

    def paths(self) -> list[str]:
        """The table's path templates, for those who list the service's routes."""
        return [path for path in self._table if not path.endswith("/")] + [self._native.endpoint]

    def handle(
        self, target: Target, method: str, headers: Headers, body: bytes, respond: Respond
    ) -> Exchange:
        """Answer through `respond`, at once or on a later turn of the loop. Never raises."""
        exchange = Exchange(self._collaborators, target, method, headers, respond)
        if method != "POST":
            exchange.fail(MethodNotAllowed("POST"))
        else:
            exchange.begin(headers, body)
        return exchange

    def refuse(
        self, target: Target, method: str, headers: Headers, fault: Exception, respond: Respond
    ) -> None:
        """Answer a request whose body a door would not take."""
        Exchange(self._collaborators, target, method, headers, respond).fail(fault)
