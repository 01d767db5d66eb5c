"""Which step of a pipeline is to blame when the whole has no ONNX form."""

import re
from collections.abc import Callable, Iterator

from modelregistry.formats.estimators import Estimator


def naming_the_step(estimator: Estimator, message: str, works: Callable[[Estimator], bool]) -> str:
    """The message with the step's name in it: the one it speaks of, or the first that fails alone.

    As it is where there are no steps, or where each of them works.
    """
    spoken_of = (step for step in _all_steps(estimator) if _is_in(message, step[1]))
    found = next(spoken_of, None) or _failing(estimator, works)
    if found is None:
        return message
    name, kind = found[0], type(found[1]).__name__
    step = f"step '{name}' ({kind})"
    if f"The step {kind} " in message:
        return message.replace(f"The step {kind} ", f"The {step} ", 1)
    return f"At the {step}: {message}"


def _is_in(message: str, step: Estimator) -> bool:
    return re.search(rf"\b{type(step).__name__}\b", message) is not None


def _failing(estimator: Estimator, works: Callable[[Estimator], bool]) -> tuple[str, object] | None:
    """The first step that does not work alone; one that has steps is as good as they are."""
    for name, step in _steps(estimator):
        if _steps(step):
            if found := _failing(step, works):
                return found
        elif not works(step):
            return name, step
    return None


def _all_steps(estimator: Estimator) -> Iterator[tuple[str, Estimator]]:
    """Inner ones before those that hold them."""
    for name, step in _steps(estimator):
        yield from _all_steps(step)
        yield name, step


def _steps(estimator: Estimator) -> list[tuple[str, Estimator]]:
    """The fitted estimators that it names: of a pipeline, of columns, of a union, of a vote."""
    pairs = (
        getattr(estimator, "steps", None)
        or [(name, step) for name, step, _ in getattr(estimator, "transformers_", ())]
        or getattr(estimator, "transformer_list", None)
        or getattr(estimator, "named_estimators_", {}).items()
    )
    return [(name, step) for name, step in pairs if hasattr(step, "get_params")]
