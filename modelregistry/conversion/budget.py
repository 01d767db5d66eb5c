"""How far an ONNX form may be from its source and still be taken. Pure values."""

import msgspec


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed on the rows that decide: those that came with a version."""

    tolerance: float = 1e-4
    """For every number in an answer, absolute or relative."""
    allowed_mismatches: int = 0
    """Rows with another label; ties never count."""

    def in_words(self) -> str:
        labels = "1 label" if self.allowed_mismatches == 1 else f"{self.allowed_mismatches} labels"
        return f"{labels} and {self.tolerance:g}, absolute or relative"


DEFAULT_BUDGET = Budget()
