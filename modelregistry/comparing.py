"""Two versions of a model side by side: whether they can be, on which rows, and what comes of it.

What is light is asked by web processes too; the models are opened in a worker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import QuerySet

from modelregistry import services
from modelregistry.comparison.report import Comparison, compare
from modelregistry.comparison.rows import Chosen, Offer, choose
from modelregistry.errors import NotComparable
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.rows import numbered
from modelregistry.formats.runtime import FormatError, RowsRefused, Runtime, Task
from modelregistry.formats.signature import Signature
from modelregistry.ingestion.keeping import kept_rows
from modelregistry.models import CHAMPION, ModelVersion, RegisteredModel


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of one model, as somebody wants to see them."""

    a: ModelVersion
    b: ModelVersion


def usual_pair(model: RegisteredModel) -> Pair | None:
    """The champion beside the newest other version; without a champion the two newest.

    None where fewer than two versions are ready.
    """
    ready = comparable_versions(model)
    champion = ready.filter(aliases__name=CHAMPION).first()
    newest = list(ready[:2])
    if len(newest) < 2:
        return None
    first = champion or newest[1]
    return Pair(first, next(version for version in newest if version != first))


def comparable_versions(model: RegisteredModel) -> QuerySet[ModelVersion]:
    """Those that can be asked, the newest first."""
    ready = model.versions.filter(state=ModelVersion.State.READY)
    return ready.select_related("model").order_by("-number")


def check_comparable(a: ModelVersion, b: ModelVersion) -> None:
    """Raises NotComparable, saying why there is nothing to compare, or nothing to compare on."""
    if a.pk == b.pk:
        raise NotComparable("Name two versions that differ: one alone always agrees with itself.")
    for version in (a, b):
        if version.state != ModelVersion.State.READY:
            raise NotComparable(f"{version} cannot be compared: it is {version.state}, not ready.")
    _check_columns(a, b)
    if not any(one.samples_sha256 or one.heldout_sha256 for one in (a, b)):
        raise NotComparable(
            f"Neither {a} nor {b} keeps rows to compare them on. Hand in rows with a version: "
            f"manage.py register_model FILE --model {a.model.name} --samples FILE.csv."
        )


def compare_versions(
    a: ModelVersion, b: ModelVersion, *, step: Callable[[str], None]
) -> Comparison:
    """Both over the rows that are fairest to them. `step` hears which of STEPS goes on.

    Raises NotComparable, DamagedArtifact.
    """
    step("load")
    check_comparable(a, b)
    chosen = _rows_for(a, b)
    try:
        task = cast("Task", a.model.task)
        return compare(_opened(a), _opened(b), chosen, task=task, step=step)
    except (FormatError, RowsRefused) as error:
        raise NotComparable(f"They cannot be compared: {error}") from error


def _check_columns(a: ModelVersion, b: ModelVersion) -> None:
    one, other = Signature.from_json(a.signature), Signature.from_json(b.signature)
    if len(one.columns) != len(other.columns):
        raise NotComparable(
            f"{a} takes {len(one.columns)} columns and {b} {len(other.columns)}: "
            "there are no rows that both could answer."
        )
    if set(one.columns) != set(other.columns) and not (_nameless(one) or _nameless(other)):
        missing = ", ".join(sorted(set(one.columns) ^ set(other.columns)))[:200]
        raise NotComparable(f"{a} and {b} take other columns; only one of them knows {missing}.")
    kinds = _textual(other)
    if set(one.columns) == set(other.columns):
        kinds = [kinds[other.columns.index(name)] for name in one.columns]
    for name, text, text_too in zip(one.columns, _textual(one), kinds, strict=True):
        if text != text_too:
            holds = f"The column {name[:64]} holds text for one of the versions"
            raise NotComparable(f"{holds} and numbers for the other.")


def _nameless(signature: Signature) -> bool:
    """Columns that are known by their place alone."""
    own = tuple(f"{spec.name.lower()}{at}" for spec in signature.inputs for at in range(spec.width))
    return signature.columns in (numbered(len(signature.columns)), own)


def _textual(signature: Signature) -> list[bool]:
    """For each column: does it hold strings?"""
    return [spec.datatype == "BYTES" for spec in signature.inputs for _ in range(spec.width)]


def _rows_for(a: ModelVersion, b: ModelVersion) -> Chosen:
    if chosen := choose(_offer(a), _offer(b)):
        return chosen
    raise NotComparable(f"Neither {a} nor {b} keeps a row to compare them on.")


def _offer(version: ModelVersion) -> Offer:
    files = services.store()
    return Offer(
        number=version.number,
        samples=kept_rows(files, version.samples_sha256),
        heldout=kept_rows(files, version.heldout_sha256),
    )


def _opened(version: ModelVersion) -> Runtime:
    live = version.live()
    data = services.store().read(live.artifact_sha256)
    return open_runtime(live.runtime, data, signature=live.signature, classes=live.classes)


def side_of(version: ModelVersion) -> dict[str, Any]:
    """What is known of a version without asking it anything, as JSON."""
    parity = version.parity
    return {
        "version": version.number,
        "runtime": version.runtime,
        "size_bytes": version.size_bytes,
        "created_at": version.created_at.isoformat(),
        "metrics": version.metrics,
        "parity": {
            name: parity[name]
            for name in ("status", "rows", "label_mismatches", "max_abs_diff")
            if name in parity
        },
    }
