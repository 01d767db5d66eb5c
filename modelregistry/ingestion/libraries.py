"""How the libraries that made a version differ from those that run here, and what it may mean.

Light: none of them is imported, as web processes ask too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from modelregistry.ingestion.source import library_versions
from modelregistry.models import ModelVersion

RELEASE = re.compile(r"(\d+)(?:\.(\d+))?")
SERVES = "what serves may answer otherwise, or not open; convert or register it anew to be sure"
REPEATS = "what serves does not use it, but a new conversion or a retraining may come out otherwise"
MEANING = {
    "sklearn": {"scikit-learn": SERVES, "skops": SERVES, "numpy": SERVES, "python": SERVES},
    "onnx": {"onnxruntime": "what serves may round otherwise; convert it again to prove it anew"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One library: in which version it made the model version, and in which it runs here."""

    library: str
    recorded: str
    running: str
    meaning: str

    @property
    def calm(self) -> bool:
        """Only the patch number differs: such releases mend, they do not change."""
        return _release(self.recorded) == _release(self.running)

    @property
    def sentence(self) -> str:
        """For people: calm where it is likely to mean nothing."""
        made = f"It was made with {self.library} {self.recorded}, {self.running} runs here"
        if self.calm:
            return f"{made}: another patch release, which should change nothing."
        return f"{made}: {self.meaning}."


def differences(
    recorded: Mapping[str, str], running: Mapping[str, str], *, runtime: str
) -> tuple[Difference, ...]:
    """Every library of `recorded` that runs in another version, those that may matter first.

    `runtime` is what serves the version, onnx or sklearn: what a difference means depends on it.
    A library that is no longer there is not compared.
    """
    meanings = MEANING.get(runtime, {})
    found = [
        Difference(
            library=library,
            recorded=version,
            running=running[library],
            meaning=meanings.get(library, REPEATS),
        )
        for library, version in recorded.items()
        if running.get(library, version) != version
    ]
    return tuple(sorted(found, key=lambda difference: difference.calm))


def library_differences(version: ModelVersion) -> tuple[Difference, ...]:
    """The version's libraries beside those of this process."""
    return differences(version.library_versions, _running(), runtime=version.runtime)


@cache
def _running() -> Mapping[str, str]:
    """Read once: what is installed for a process does not change while it runs."""
    return library_versions()


def _release(version: str) -> str | tuple[str, str]:
    """Major and minor number; a version of another form stands for itself."""
    found = RELEASE.match(version)
    return (found[1], found[2] or "0") if found else version
