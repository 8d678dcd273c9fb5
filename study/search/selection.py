"""Which setting a cell's trials choose."""

from collections.abc import Iterable, Mapping
from typing import Any


def select(trials: Iterable[Mapping[str, Any]]) -> int | None:
    """The index of the completed trial with the largest score, of equal ones the earliest; None when none completed.

    ``trials`` are rows with ``index``, ``status`` and ``score``, in any order. Only completed trials are compared: a
    pruned one was judged before the end of its schedule.
    """
    completed = [row for row in trials if row["status"] == "completed"]
    if not completed:
        return None
    return min(completed, key=lambda row: (-row["score"], row["index"]))["index"]
