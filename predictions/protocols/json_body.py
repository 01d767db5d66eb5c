"""JSON bodies, strictly: no key twice, no deep nesting, and errors that name without echoing.

A msgspec decoder does the work; what it lets through is checked by counting quotes first, so that
ordinary bodies pay nothing for it.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from predictions.errors import Malformed, UnsupportedMediaType, WrongInput

DEEPEST = 32
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"(\s*:)?')  # those before a colon are keys
LARGE = 100_000  # bytes; of larger bodies an error says less
NAMED = 30  # columns in an error
_ROWS = frozenset({"rows", "features", "requests", "batch_features"})
_JSON = b"application/json"
T = TypeVar("T")

_NAMES = {
    "int": "an integer", "float": "a number", "number": "a number", "str": "a string",
    "bool": "a boolean", "null": "null", "array": "an array", "object": "an object",
    "object | array": "an object or an array",
}  # fmt: skip


def require_json(content_type: bytes | None) -> None:
    """Absent or any JSON type passes. Raises UnsupportedMediaType."""
    if content_type is None or content_type == _JSON:
        return
    kind = content_type.partition(b";")[0].strip().lower()
    if kind not in (_JSON, b"") and not (
        kind.startswith(b"application/") and kind.endswith(b"+json")
    ):
        raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.")


def decode(decoder: msgspec.json.Decoder[T], body: bytes, *, columns: Sequence[str] = ()) -> T:
    """The body as the decoder's type. Raises Malformed or WrongInput, which names `columns`."""
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise explained(body, error, columns) from None


def refuse_repeated_keys(body: bytes, *, quotes: int, keys: int | None = None) -> None:
    """Raise Malformed where an object has a key twice, or nesting is deeper than DEEPEST.

    `quotes` and `keys` are how many quotation marks and keys a body of this content has when no
    key is repeated and nothing unknown is in it. Only other bodies are looked at again: small ones
    are read by the standard library, of large ones the keys are counted where `keys` is given.
    """
    if body.count(b'"') == quotes and b"\\" not in body:
        return
    if keys is not None and len(body) > LARGE:
        if sum(1 for string in _STRINGS.finditer(body) if string[1]) != keys:
            raise Malformed("So large a body must hold what this route reads, once, and no more.")
    else:
        try:
            _refuse_depth(json.loads(body, object_pairs_hook=_object_of_pairs))
        except RecursionError:
            raise Malformed(f"The JSON is nested deeper than {DEEPEST} levels.") from None
        except ValueError:
            raise Malformed("The body is not valid JSON.") from None


def explained(body: bytes, error: Exception, columns: Sequence[str] = ()) -> Malformed | WrongInput:
    """What was wrong with the body: its JSON, or its content."""
    if not body:
        return Malformed("The body is empty; it must be JSON.")
    value: object = None
    try:
        if len(body) <= LARGE:
            value = msgspec.json.decode(body)
            _refuse_depth(value)
        else:
            msgspec.json.decode(body, type=msgspec.Raw)  # its grammar alone
    except Malformed as malformed:
        return malformed
    except RecursionError:
        return Malformed(f"The JSON is nested deeper than {DEEPEST} levels.")
    except msgspec.ValidationError:  # untyped, only a number too large for any float
        return WrongInput(_sentence(str(error), None, columns))
    except ValueError:
        return Malformed("The body is not valid JSON.")
    return WrongInput(_sentence(str(error), value, columns))


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Malformed("An object in the JSON has the same key twice.")
    return value


def _refuse_depth(value: object) -> None:
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise Malformed(f"The JSON is nested deeper than {DEEPEST} levels.")
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        depth += 1


def _sentence(message: str, value: object, columns: Sequence[str]) -> str:
    """msgspec's message in our words: the input, what was expected, what came."""
    fault, _, path = message.partition(" - at `$")
    where = path.rstrip("`").removeprefix(".") or "the body"
    if fault.startswith("Object contains unknown field"):
        return f"{where}: has a column this model does not know; it takes {listed(columns)}."
    if missing := re.search(r"missing required field `(.*)`", fault):
        return f"{where}: `{missing[1]}` is missing."
    if fault == "Number out of range" or re.search(r"`(float|int)` [<>]", fault):
        return f"{where}: expected a finite number within the input's datatype, got one beyond it."
    if size := re.search(r"length (?:[<>]= )?(\d+)", fault):
        return f"{where}: {_wrong_length(size, where, _at(value, path))}"
    if wrong := re.search(r"Expected `(.*)`, got `(.*)`", fault):
        expected, got_type = (_NAMES.get(name, name) for name in wrong.groups())
        return f"{where}: expected {expected}, got {got_type}."
    return f"{where}: not what this model takes."


def _wrong_length(size: re.Match[str], where: str, found: object) -> str:
    if size[0] == "length >= 1":
        return f"expected at least one{' row' if where in _ROWS else ''}."
    got = f"got {len(found)}" if isinstance(found, list) else "got another number"
    return f"expected {size[1]} values, {got}."


def listed(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def _at(value: object, path: str) -> object:
    """The part of `value` at a path like .rows[3]."""
    for key, index in re.findall(r"\.([^.\[`]+)|\[(\d+)\]", path):
        if key and isinstance(value, dict):
            value = value.get(key)
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
    return value
