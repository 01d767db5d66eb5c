"""A load test of one model on this very server: rows it knows, sent to its native route.

The server is the operator's MLAPI_INTERNAL_URL and nothing else: no caller names an address.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from knox.models import get_token_model

from modelregistry import services as registry
from modelregistry.models import ModelVersion, RegisteredModel
from predictions.errors import Unauthenticated
from predictions.measure.errors import Unreachable
from predictions.measure.statistics import histogram

MOST_BODIES = 200  # that differ; they are sent in turn
MOST_ROWS_KEPT = 20_000
KEY_LIFE = timedelta(minutes=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTest:
    model: str
    requests: int
    concurrency: int
    rows: int
    owner_id: int | None


def run_load_test(asked: LoadTest, watch: Callable[[int], None]) -> dict[str, object]:
    """The report with its histogram. `watch` hears how many are done, and may raise to end it.

    Raises UnknownModel, UnknownVersion, Unauthenticated or Unreachable.
    """
    # Lazy: aiohttp takes half a second that a process which starts no load never needs.
    from predictions.measure.load import Plan, Tally, send_watched  # noqa: PLC0415

    version = ModelVersion.objects.find(asked.model)
    bodies = bodies_of(version, requests=asked.requests, rows=asked.rows)
    tally = Tally()
    with _credentials(version.model, asked.owner_id) as headers:
        plan = Plan(
            url=f"{_reachable(settings.MLAPI.internal_url)}/api/v1/models/{asked.model}/predict",
            bodies=bodies,
            requests=asked.requests,
            concurrency=asked.concurrency,
            headers=headers,
        )
        send_watched(plan, tally, lambda: watch(tally.total))
    watch(tally.total)
    return {
        "model": asked.model,
        "concurrency": asked.concurrency,
        "rows": asked.rows,
        **tally.report().to_json(),
        "histogram": [asdict(bucket) for bucket in histogram(tally.durations_s)],
    }


def bodies_of(version: ModelVersion, *, requests: int, rows: int) -> tuple[bytes, ...]:
    """Requests of `rows` rows each, as the version's samples come, or its example again and again.

    Rows with missing values are left out: not every model takes them.
    """
    kept = registry.sample_rows(version)
    known = [row for row in kept.values if None not in row] if kept else []
    known = known or [version.example_row()]
    count = max(1, min(requests, len(known), MOST_BODIES, MOST_ROWS_KEPT // rows))
    return tuple(
        msgspec.json.encode({"rows": [known[(at + row) % len(known)] for row in range(rows)]})
        for at in range(count)
    )


def _reachable(base_url: str) -> str:
    """The address, where somebody answers. Raises Unreachable, which does not name it."""
    from predictions.measure.load import check_reachable  # noqa: PLC0415 (as above)

    try:
        check_reachable(base_url)
    except Unreachable as error:
        raise Unreachable(
            "The web server does not answer the worker: is it up, and is MLAPI_INTERNAL_URL right?"
        ) from error
    return base_url.rstrip("/")


@contextmanager
def _credentials(model: RegisteredModel, owner_id: int | None) -> Iterator[Mapping[str, str]]:
    """What the requests need to be let in: a key of the owner's, which is gone afterwards.

    Raises Unauthenticated where the model asks for a key and nobody owns the test.
    """
    if model.audience.public:
        yield {}
        return
    owner = None if owner_id is None else User.objects.filter(pk=owner_id).first()
    if owner is None:
        raise Unauthenticated(f"The model {model.name} asks for a key, and nobody owns this test.")
    key, token = get_token_model().objects.create(owner, expiry=KEY_LIFE, name="load test")
    try:
        yield {"Authorization": f"Bearer {token}"}
    finally:
        key.delete()
