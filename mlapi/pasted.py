"""What a request to paste into a shell is: its command, and what it answers."""

from dataclasses import dataclass

from predictions.protocols.snippets import curl

MAKE_KEY = "KEY=$(.venv/bin/python manage.py create_api_key admin --name curl)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One request. `answer` is JSON that the answer holds, or lines of its text."""

    title: str
    path: str
    answer: str
    body: str = ""
    model: str = ""  # the model it needs, if any
    by_default: bool = False  # and needs to be the default one
    keyed: bool = False
    makes_key: bool = False  # the first of those that are keyed

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    @property
    def anchor(self) -> str:
        return self.path.strip("/").replace("/", "-")

    def curl(self, base_url: str) -> str:
        """What a person pastes into a shell; a keyed one reads $KEY."""
        address = f"{base_url}{self.path}"
        return curl(address, self.body, key_in="KEY" if self.keyed else "")

    def command(self, base_url: str) -> str:
        """The same; the first that needs a key makes one, in the project's folder."""
        return f"{MAKE_KEY}\n{self.curl(base_url)}" if self.makes_key else self.curl(base_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Examples under one heading."""

    title: str
    text: str
    examples: tuple[Example, ...]
    own_models: bool = False  # other models that are live get one here as well

    @property
    def models(self) -> frozenset[str]:
        return frozenset(example.model for example in self.examples)


def own_model(name: str, body: str) -> Example:
    """A request to a model of the operator's own."""
    title = "The live version's own input example."
    return Example(title=title, path=f"/api/v1/models/{name}/predict", body=body, answer="")
