"""The hostile corpus: what is handed in, and words of the reason that a person reads."""

import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.modelregistry.hostile import archives, onnx_models, pickles
from tests.modelregistry.hostile.good import half_characters, onnx_file, skops_file

MARKER = Path(tempfile.gettempdir()) / "mlapi-a-pickle-was-opened"
NO_UTF8 = b"\xff\xfe.npy"
NAMES: dict[str, bytes | str] = {
    "up": b"../../1.npy",
    "absolute": b"/etc/cron.d/1.npy",
    "folder": b"folder/",
    "backslash": b"..\\..\\1.npy",
    "drive": b"C:1.npy",
    "NUL": b"1.npy\x00.exe",
    "line break": b"1\n.npy",
    "escape": b"\x1b[2J1.npy",
    "code page 437": b"\x82\x8a.npy",
    "UTF-8": "модель.npy",
    "right to left": "1\u202eyp.npy",
    "full width": "\uff0e\uff0e\uff0f1.npy",
    "composed twice": "e\u0301.npy",
    "no UTF-8, though it says so": NO_UTF8,
    "UTF-16": "1.npy".encode("utf-16"),
    "empty": b"",
    "long": b"1" * 60_000 + b".npy",
    "program": b"1.py",
    "pickle": b"1.pkl",
}
TYPE_NAMES = {"half a character": "sys\ud800tem", "NUL": "sys\0tem", "escape": "sys\x1btem"}
HALF = "text that is not Unicode"


class Case(NamedTuple):
    build: Callable[[], bytes]
    words: str  # a pattern
    ends_by_itself: bool = True


def _named(name: bytes | str) -> bytes:
    return archives.named(name, flags=archives.UTF8 if name == NO_UTF8 else 0)


def _random(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _cut(whole: Callable[[], bytes], part: float) -> bytes:
    data = whole()
    return data[: int(len(data) * part)]


def _changed() -> bytes:
    """Every hundredth byte of an ONNX file is another one."""
    data = bytearray(onnx_file())
    for place in range(50, len(data), 100):
        data[place] ^= 0xFF
    return bytes(data)


EXTERNAL, FOREIGN = "weights in other files", "operators outside the standard"
DAMAGED, LARGE = "archive is damaged", "Unpacked, the archive has more than"
NO_MODEL, NO_MEMORY = "no file we know|damaged", "more memory than"
OF_NAMES = {
    f"name: {what}": Case(partial(_named, name), "has a member (whose name|that skops)|damaged")
    for what, name in NAMES.items()
}
OF_ARCHIVES = {
    "path inside a matrix": Case(archives.path_in_a_matrix, "whose name is a path"),
    "symlink": Case(archives.symlink, "a link"),
    "device": Case(archives.device, "a link or a folder"),
    "two schemas": Case(partial(archives.twice, b"schema.json"), "several members of one name"),
    "two arrays": Case(partial(archives.twice, b"1.npy"), "several members of one name"),
    "encrypted": Case(archives.encrypted, "encrypted"),
    "unknown compression": Case(archives.unknown_method, DAMAGED),
    "wrong checksum": Case(archives.wrong_checksum, DAMAGED),
    "two names of one member": Case(archives.other_local_name, DAMAGED),
    "bomb": Case(archives.single_bomb, LARGE),
    "bomb that lies": Case(archives.lying_bomb, DAMAGED),
    "many bombs": Case(archives.many_bombs, LARGE),
    "bomb in a matrix": Case(archives.bomb_in_a_matrix, LARGE),
    "overlapping members": Case(archives.overlapping, "lie on each other"),
    "crowd of members": Case(archives.crowd, "more than 100,000 members"),
    "no schema": Case(archives.without_schema, "without a skops schema"),
    "half an archive": Case(partial(_cut, skops_file, 0.5), DAMAGED),
    "array without end": Case(archives.boundless_array, f"{NO_MEMORY}|damaged"),
    "pickle in an array": Case(archives.pickled_array, "damaged, or was not saved by skops"),
    "deep schema": Case(archives.deep_schema, "damaged, or was not saved by skops"),
    "function of os": Case(archives.foreign_type, "types that are not trusted"),
    **{
        f"a type's name: {what}": Case(
            partial(archives.foreign_type, name), r"types that are not trusted: os\.sys[?]tem\."
        )
        for what, name in TYPE_NAMES.items()
    },
    "a class of half a character": Case(partial(half_characters, "label"), HALF),
    "a column of half a character": Case(
        partial(half_characters, "column"), "name of column 1 has"
    ),
    "a category of half a character": Case(partial(half_characters, "category"), HALF),
    "one array a thousand times": Case(
        archives.one_array_a_thousand_times, f"{NO_MEMORY}|took longer", ends_by_itself=False
    ),
}
# Those that only skops itself can find fault with.
OPENED = (
    "array without end", "pickle in an array", "deep schema", "function of os",
    "one array a thousand times", "a class of half a character", "a column of half a character",
    "a category of half a character", *(f"a type's name: {name}" for name in TYPE_NAMES),
)  # fmt: skip
OF_PICKLES = {
    "pickle": Case(partial(pickles.marking, MARKER), "skops.io.dump"),
    "pickle in text": Case(partial(pickles.marking_old, MARKER), "skops.io.dump"),
    "pickle, compressed": Case(partial(pickles.compressed, MARKER), "skops.io.dump"),
    "pickle that begins as an archive": Case(partial(pickles.after_a_zip, MARKER), DAMAGED),
}
OF_ONNX = {
    "weights elsewhere: graph": Case(onnx_models.external_in_the_graph, EXTERNAL),
    "weights elsewhere: above": Case(onnx_models.external_above, EXTERNAL),
    "weights elsewhere: subgraph": Case(onnx_models.external_in_a_subgraph, EXTERNAL),
    "weights elsewhere: attribute": Case(onnx_models.external_in_an_attribute, EXTERNAL),
    "weights elsewhere: sparse": Case(onnx_models.external_in_a_sparse_tensor, EXTERNAL),
    "weights elsewhere: function": Case(onnx_models.external_in_a_function, EXTERNAL),
    "weights elsewhere: a default": Case(onnx_models.external_in_a_default, EXTERNAL),
    "domain: graph": Case(onnx_models.foreign_domain, FOREIGN),
    "domain: subgraph": Case(onnx_models.foreign_domain_in_a_subgraph, FOREIGN),
    "domain: inside a function": Case(onnx_models.foreign_domain_in_a_function, FOREIGN),
    "domain: a function's own": Case(onnx_models.function_of_a_foreign_domain, FOREIGN),
    "a million nodes": Case(onnx_models.million_nodes, "more than 100,000 nodes"),
    "200,000 graphs": Case(onnx_models.empty_graphs, "more than 100,000 nodes"),
    "20 graphs deep": Case(partial(onnx_models.nested, 20), "nested more than 16 deep"),
    "1000 graphs deep": Case(partial(onnx_models.nested, 1000), "nested too deeply"),
    "a function that calls itself": Case(
        onnx_models.function_that_calls_itself, "must not be recursive"
    ),
    "functions that double": Case(onnx_models.functions_that_double, "cannot load it"),
    "8 GB out of 100 bytes": Case(onnx_models.eight_gigabytes, NO_MEMORY),
    "an answer of 32 GB": Case(onnx_models.hungry_answer, NO_MEMORY),
    "endless loop": Case(onnx_models.endless_loop, "more than 5 seconds of computing"),
}
OF_NOTHING = {
    "half an ONNX file": Case(partial(_cut, onnx_file, 0.5), NO_MODEL),
    "an ONNX file without its end": Case(partial(_cut, onnx_file, 0.99), NO_MODEL),
    "an ONNX file, bytes changed": Case(_changed, f"{NO_MODEL}|cannot"),
    "random": Case(partial(_random, 100_000), NO_MODEL),
    "random, large": Case(partial(_random, 20_000_000), NO_MODEL),
    "one byte": Case(partial(bytes, 1), NO_MODEL),
    "zeros": Case(partial(bytes, 1_000_000), NO_MODEL),
    "empty": Case(bytes, "is empty"),
    "page": Case(lambda: b"<html>404 Not Found</html>", "a text file"),
}
CASES = {**OF_NAMES, **OF_ARCHIVES, **OF_PICKLES, **OF_ONNX, **OF_NOTHING}
