"""Bodies out of a published schema, and the same with something changed, which may not fit it."""

import json
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator, TypeChecker
from jsonschema.validators import extend

Schema = dict[str, Any]
ANY = st.one_of(
    st.none(), st.booleans(), st.integers(-300, 300), st.integers(), st.sampled_from([0.5, -1e39]),
    st.text(max_size=3), st.builds(list), st.builds(dict), st.builds(lambda: [[1]]),
)  # fmt: skip


def _is_whole(_: TypeChecker, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)  # 1.0 has a point


_Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole),
)


def fits(schema: Schema, body: Any) -> bool:
    """The schema, and what it leaves to its description: columns are of one length."""
    if not _Validator(schema).is_valid(body):
        return False
    return len({len(column) for column in body.get("columns", {}).values()}) < 2


def bodies(schema: Schema) -> st.SearchStrategy[Schema]:
    """Bodies that fit."""
    properties = schema["properties"]
    row = _resolved(schema, properties["rows"]["items"]["anyOf"])
    rows = st.lists(st.one_of(*map(_values, row)), min_size=1, max_size=4)
    (columns,) = _resolved(schema, [properties["columns"]])
    wanted = st.lists(
        st.sampled_from(properties["outputs"]["items"]["enum"]), min_size=1, unique=True
    )
    by_row = st.fixed_dictionaries({"rows": rows}, optional={"outputs": wanted})
    by_column = st.fixed_dictionaries(
        {"columns": st.integers(1, 3).flatmap(lambda count: _columns(columns, count))},
        optional={"outputs": wanted, "note": ANY},
    )
    return st.one_of(by_row, by_column)


@st.composite
def changed(draw: st.DrawFn, schema: Schema) -> Any:
    """A body with one to three changes anywhere in it; most do not fit any more."""
    body = json.loads(json.dumps(draw(bodies(schema))))
    for _ in range(draw(st.integers(1, 3))):
        body = _change(draw, body)
    return body


def _change(draw: st.DrawFn, body: Any) -> Any:
    place, path = body, []
    while isinstance(place, list | dict) and place and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        path.append((place, key))
        place = place[key]
    if isinstance(place, dict) and draw(st.booleans()):
        place[draw(st.sampled_from(["rows", "columns", "outputs", "x"]))] = draw(ANY)
        return body
    if isinstance(place, list) and draw(st.booleans()):
        place.append(draw(st.one_of(ANY, st.sampled_from(place or [0]))))
        return body
    if not path:
        return draw(ANY)
    parent, key = path[-1]
    if draw(st.booleans()):
        del parent[key]
    else:
        parent[key] = draw(ANY)
    return body


def _resolved(schema: Schema, parts: list[Schema]) -> list[Schema]:
    names = [part.get("$ref", "").removeprefix("#/$defs/") for part in parts]
    return [
        schema["$defs"][name] if name else part for name, part in zip(names, parts, strict=True)
    ]


def _columns(schema: Schema, count: int) -> st.SearchStrategy[dict[str, list[Any]]]:
    return st.fixed_dictionaries(
        {
            name: st.lists(_values(column["items"]), min_size=count, max_size=count)
            for name, column in schema["properties"].items()
        }
    )


def _values(schema: Schema) -> st.SearchStrategy[Any]:
    """Of the keywords that these schemas have."""
    if "anyOf" in schema:
        return st.one_of(*map(_values, schema["anyOf"]))
    return _BY_TYPE[schema["type"]](schema)


def _number(schema: Schema) -> st.SearchStrategy[float]:
    top = 0.999 * schema.get("maximum", schema.get("exclusiveMaximum"))
    often = min(top, 1e6)
    edges = st.sampled_from([top, -top, 1e-320, -0.0])
    return st.one_of(st.floats(-often, often), st.integers(-int(often), int(often)), edges)


def _array(schema: Schema) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*map(_values, schema["prefixItems"])).map(list)
    size = schema["minItems"]
    return st.lists(_values(schema["items"]), min_size=size, max_size=size)


_BY_TYPE = {
    "array": _array,
    "boolean": lambda _: st.booleans(),
    "integer": lambda schema: st.integers(schema["minimum"], schema["maximum"]),
    "null": lambda _: st.none(),
    "number": _number,
    "object": lambda schema: st.fixed_dictionaries(
        {name: _values(part) for name, part in schema["properties"].items()}
    ),
    "string": lambda _: st.text(st.characters(codec="utf-8"), max_size=8),
}
