"""How a model's callers are served: settings on the model's row, which serving processes follow."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

MOST_BATCH_ROWS, LONGEST_WAIT_MS, MOST_QUEUE_ROWS = 65_536, 1000.0, 1_000_000
LONGEST_DEADLINE_MS, LONGEST_CACHE_S = 86_400_000, 86_400.0
LONGER_THAN_THE_WAIT = "It must be longer than max_wait_ms, which rows wait for others."


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Rows, milliseconds, and seconds of the cache; without a deadline a caller waits as long as
    it takes.
    """

    max_batch_rows: int
    max_wait_ms: float
    max_queue_rows: int
    deadline_ms: int | None
    cache_ttl_s: float


class ServedModel(models.Model):
    """The settings as columns."""

    max_batch_rows = models.PositiveIntegerField(
        default=256,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_BATCH_ROWS)],
        help_text=(
            "How many rows of different callers are answered in one run at most: "
            f"1 to {MOST_BATCH_ROWS:,}."
        ),
    )
    max_wait_ms = models.FloatField(
        verbose_name="max wait (ms)",
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(LONGEST_WAIT_MS)],
        help_text=(
            "How long a row waits for others to be answered together with. 0: not at all, which is "
            "right for most models: what has arrived at the same moment shares a run anyway. Up to "
            f"{LONGEST_WAIT_MS:,.0f}."
        ),
    )
    max_queue_rows = models.PositiveIntegerField(
        default=4096,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_QUEUE_ROWS)],
        help_text=(
            "How many rows may wait in each web process; more are refused with 503, but for a "
            f"single request that meets nobody waiting. 1 to {MOST_QUEUE_ROWS:,}."
        ),
    )
    deadline_ms = models.PositiveIntegerField(
        verbose_name="deadline (ms)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DEADLINE_MS)],
        help_text=(
            "A request without a Request-Timeout header is answered with 504 after so many "
            f"milliseconds, 1 to {LONGEST_DEADLINE_MS:,}. Empty: no deadline."
        ),
    )

    cache_ttl_s = models.FloatField(
        verbose_name="cache TTL (s)",
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(LONGEST_CACHE_S)],
        help_text=(
            "For how many seconds an answer is kept in memory, for others who send the same rows. "
            f"0: answers are not kept, which is right where rows seldom repeat. Up to "
            f"{LONGEST_CACHE_S:,.0f}."
        ),
    )

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Whoever waits for company until it is too late is never answered."""
        super().clean()
        if self.deadline_ms is not None and self.max_wait_ms >= self.deadline_ms:
            raise ValidationError({"deadline_ms": LONGER_THAN_THE_WAIT})

    @property
    def serving(self) -> Serving:
        return Serving(
            max_batch_rows=self.max_batch_rows,
            max_wait_ms=self.max_wait_ms,
            max_queue_rows=self.max_queue_rows,
            deadline_ms=self.deadline_ms,
            cache_ttl_s=self.cache_ttl_s,
        )
