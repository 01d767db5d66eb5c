"""What a batch is expected to cost: measured at warm-up, corrected by every run."""

SMOOTHING = 0.1  # weight of the newest run
WILDEST = 4.0  # a run that took longer was interrupted: by the scheduler, or a collection


class Cost:
    """Seconds of a run as a straight line over its rows, scaled by a running average."""

    __slots__ = ("_fixed", "_per_row", "_scale")

    def __init__(self, *, one_row_s: float, many_rows_s: float, many_rows: int) -> None:
        """Two measured runs: of one row and of `many_rows` (> 1) rows, in seconds."""
        self._per_row = max(0.0, (many_rows_s - one_row_s) / (many_rows - 1))
        self._fixed = max(1e-6, one_row_s - self._per_row)
        self._scale = 1.0

    def of(self, rows: int) -> float:
        """Expected seconds for `rows` rows."""
        return self._scale * (self._fixed + self._per_row * rows)

    def learn(self, rows: int, seconds: float) -> None:
        """A run of `rows` rows took `seconds`."""
        ratio = min(WILDEST, seconds / (self._fixed + self._per_row * rows))
        self._scale += SMOOTHING * (ratio - self._scale)
