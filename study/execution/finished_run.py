"""What is known of a trial or a final run once it has ended, however it ended."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trainables.contracts import RunResult


@dataclass(kw_only=True)
class FinishedRun:
    """``curves`` are rows of epoch, step, split, metric, value; ``result`` is None where the run did not complete."""

    settings: dict[str, Any]
    status: str
    curves: list[tuple[int, int, str, str, float | None]]
    result: RunResult | None
    seed: int
    error: str | None
    started_at: datetime
    ended_at: datetime
    epochs: int
    images: int


def finite(value: float | None) -> float | None:
    """The value, or None where there is no finite one: tables hold null, never NaN."""
    return value if value is not None and math.isfinite(value) else None
