"""What the lane counts of models reaches the metrics whole, whoever reads them and when."""

import threading

import pytest
from prometheus_client import REGISTRY

from mlapi.model_metrics import ModelMeter
from predictions.serving.counts import Counts

PHASES = ("queue", "assembly", "inference", "encode")


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def metered(model: str) -> tuple[Counts, ModelMeter]:
    counts = Counts()
    return counts, ModelMeter(lambda: {model: counts})


def test_a_model_is_there_from_the_beginning_with_nothing_counted() -> None:
    metered("new")[1].fold()
    counters = [f"predictions_{end}_total" for end in ("rejected", "expired", "cancelled")]
    for name in (*counters, "prediction_queue_rows", "prediction_batch_rows_count"):
        assert value(name, model="new") == 0, name
    for phase in PHASES:
        assert value("prediction_phase_seconds_count", model="new", phase=phase) == 0


def test_counts_arrive_with_a_fold_and_once() -> None:
    counts, meter = metered("once")
    counts.rejected, counts.expired, counts.cancelled, counts.waiting_rows = 3, 4, 5, 6
    for at, phase in enumerate(PHASES):
        getattr(counts, phase).add_all([0.002] * (at + 1))
    counts.batch_rows.add(3)
    assert value("predictions_rejected_total", model="once") is None
    for _ in range(2):
        meter.fold()
        assert value("predictions_rejected_total", model="once") == 3
        assert value("predictions_expired_total", model="once") == 4
        assert value("predictions_cancelled_total", model="once") == 5
        assert value("prediction_queue_rows", model="once") == 6
        assert value("prediction_batch_rows_sum", model="once") == 3
        assert value("prediction_batch_rows_bucket", model="once", le="2.0") == 0
        assert value("prediction_batch_rows_bucket", model="once", le="4.0") == 1
        for at, phase in enumerate(PHASES):
            labels = {"model": "once", "phase": phase}
            assert value("prediction_phase_seconds_count", **labels) == at + 1
            total = value("prediction_phase_seconds_sum", **labels)
            assert total == pytest.approx(0.002 * (at + 1))
            assert value("prediction_phase_seconds_bucket", **labels, le="0.001") == 0
            assert value("prediction_phase_seconds_bucket", **labels, le="0.0025") == at + 1


def test_what_is_counted_between_folds_is_added() -> None:
    counts, meter = metered("more")
    for turn in range(1, 4):
        counts.inference.add(20.0)
        counts.cancelled += 1
        counts.waiting_rows = 10 - turn
        meter.fold()
        labels = {"model": "more", "phase": "inference"}
        assert value("prediction_phase_seconds_bucket", **labels, le="10.0") == 0
        assert value("prediction_phase_seconds_count", **labels) == turn
        assert value("prediction_phase_seconds_sum", **labels) == 20 * turn
        assert value("predictions_cancelled_total", model="more") == turn
        assert value("prediction_queue_rows", model="more") == 10 - turn


def test_nothing_is_lost_between_who_counts_and_those_who_fold() -> None:
    counts, meter = metered("race")
    over = threading.Event()

    def fold_on() -> None:
        while not over.is_set():
            meter.fold()

    folders = [threading.Thread(target=fold_on) for _ in range(2)]
    for thread in folders:
        thread.start()
    for _ in range(50_000):
        counts.encode.add(0.002)
        counts.batch_rows.add_all([1, 64])
        counts.expired += 1
    over.set()
    for thread in folders:
        thread.join()
    meter.fold()
    labels = {"model": "race", "phase": "encode"}
    assert value("prediction_phase_seconds_count", **labels) == 50_000
    assert value("prediction_phase_seconds_sum", **labels) == pytest.approx(100)
    assert value("prediction_batch_rows_bucket", model="race", le="1.0") == 50_000
    assert value("prediction_batch_rows_sum", model="race") == 50_000 * 65
    assert value("predictions_expired_total", model="race") == 50_000
