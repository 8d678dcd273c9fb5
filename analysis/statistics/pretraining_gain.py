"""What pre-training gained, from the rows that the runs logged themselves."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl

from study.vocabulary import ENCODER_FACTORS

from .intervals import over_blocks
from .point import ENCODERS_FOR_A_METHOD

TARGET = "new pre-training runs on this corpus, these tasks' training patients"
PROBES = {"ridge": "ridge", "knn": "k-NN"}


@dataclass(frozen=True)
class Probed:
    """A probe of a run, AUC, mean over the tasks that have one at both ends."""

    start: float
    end: float

    @property
    def gain(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Gain:
    """A method's mean gain over `runs` runs and its 95 % interval, or None without variance to take one from."""

    mean: float
    runs: int
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> str:
        """The interval, or the words why there is none."""
        if self.low is None:
            return "none: the runs do not differ" if self.runs > 1 else "none: one run has no variance between runs"
        return f"{self.low:+.3f} to {self.high:+.3f}"

    @property
    def verdict(self) -> str:
        if self.runs < ENCODERS_FOR_A_METHOD:
            return f"too few runs ({self.runs})"
        return "yes" if self.low is not None and self.low > 0 else "not shown"


def runs(rows: pl.DataFrame) -> dict[tuple[str, int | None], pl.DataFrame]:
    """(initialisation, seed) -> the run's rows in order. Of a ledger from before entries had names, the method's."""
    named = rows.with_columns(initialisation=pl.coalesce("initialisation", "method")).sort("step")
    found = {(str(init), seed): run for (init, seed), run in named.group_by(ENCODER_FACTORS, maintain_order=True)}
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0)))


def probed(run: pl.DataFrame, probe: str = "ridge") -> Probed | None:
    """None unless the run was probed before its first step and after it."""
    found = run.filter(pl.col("probes").is_not_null())
    if len(found) < 2 or found["step"][0] != 0:
        return None
    start, end = (_scores(found["probes"][k], probe) for k in (0, -1))
    both = sorted(start.keys() & end.keys())
    if not both:
        return None
    return Probed(float(np.mean([start[task] for task in both])), float(np.mean([end[task] for task in both])))


def gains(rows: pl.DataFrame, probe: str = "ridge") -> dict[str, Gain]:
    """Initialisation -> its mean gain over the untrained encoders of its runs' own seeds, over the runs probed."""
    by_init: dict[str, list[float]] = {}
    for (init, _), run in runs(rows).items():
        found = probed(run, probe)
        if found:
            by_init.setdefault(init, []).append(found.gain)
    return {init: _gain(np.array(values)) for init, values in by_init.items()}


def _gain(values: np.ndarray) -> Gain:
    return Gain(float(values.mean()), len(values), *(over_blocks(values) or (None, None)))


def collapse(run: pl.DataFrame) -> str:
    """What the run recorded of collapse, in words. Rows of the first version, which have no pixels, were not judged."""
    last, warned = run.row(-1, named=True), run.filter(pl.col("warning").is_not_null())
    if last["warning"]:
        return f"Warning: {last['warning']}"
    if len(warned):
        before = warned.row(-1, named=True)
        return f"none at the end, but until {before['images']:,} images: {before['warning']}"
    measured = any(last[name] is not None for name in ("loss_over_trivial", "spread", "rank"))
    return "none seen" if measured and last["pixels"] is not None else "not recorded"


def _scores(probes: str, probe: str) -> dict[str, float]:
    """Task -> AUC."""
    return {task: each[probe] for task, each in json.loads(probes).items() if each.get(probe) is not None}


def scaled(value: float | None, unit: str = "") -> str:
    """Three digits and a prefix in steps of a thousand: 1.23 G."""
    if value is None:
        return "-"
    power = 0
    while abs(value) >= 999.5 and power < 6:
        value, power = value / 1000, power + 1
    prefix = ("", "k", "M", "G", "T", "P", "E")[power]
    return f"{value:.3g} {prefix}{unit}".strip()
