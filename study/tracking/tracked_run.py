"""What a tracker is told of one run: its row in the ledger and the values to draw."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

_LOGGED = ("loss", "loss_over_trivial", "spread", "rank", "lr", "probe_knn", "probe_ridge")
_SPENT = ("images", "views", "pixels", "flops", "device_seconds", "peak_memory")


@dataclass(frozen=True)
class Entry:
    """values: rows of metric, value, and where they are known step, split, test_set and so on."""

    table: str
    row: Row
    values: Sequence[Row]

    @property
    def key(self) -> str:
        return str(self.row["key"])

    @property
    def mark(self) -> str:
        """Says which run stands under the key: how it ended and when. A failed one may be run again."""
        ended = self.row.get("ended_at") or self.row.get("at")
        return f"{self.row.get('status') or 'pre-trained'} {ended and ended.isoformat()}"


def pretraining(rows: Sequence[Row]) -> Entry:
    """A pre-training run out of all its logged steps, in the order of steps; it stands under the key of the last."""
    return Entry("pretraining", rows[-1], [value for row in rows for value in _pretrained(row)])


def _pretrained(row: Row) -> Iterator[Row]:
    """The numbers of one logged step: what was learnt and spent, schedules by name, probes by task."""
    at = {"step": row.get("step"), "split": "train"}
    schedule = {name: value for name, value in _parsed(row.get("schedule")).items() if name not in _LOGGED}
    for name, value in ({name: row.get(name) for name in _LOGGED + _SPENT} | schedule).items():
        yield at | {"metric": name, "value": value}
    for task, scores in _parsed(row.get("probes")).items():
        for name, value in scores.items():
            yield at | {"metric": f"probe_{name}", "task": task, "value": value}


def _parsed(value: Any) -> Mapping[str, Any]:
    """A mapping, or one that is stored as JSON; nothing of null."""
    return json.loads(value) if isinstance(value, str) else value or {}
