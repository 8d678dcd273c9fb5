"""What pre-training cost, learnt and gained: its part of the report, from the rows that the runs logged themselves."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import t as student

from . import page
from .intervals import ENCODERS_FOR_A_METHOD, LEVEL
from .page import Raw

TARGET = "new pre-training runs on this corpus, these tasks' training patients"
RUN = ["initialisation", "pretrain_seed"]
WHAT_IT_SAYS = (
    "Costs are those of the whole run, probes left out; memory is the most that one worker held. The probe is a ridge "
    "regression on the encoder's features, its AUC taken over folds of the tasks' training patients; it chose nothing. "
    "Its gain is over the same encoder before the first step: untrained, unless it went on from given weights. "
    "Signs of collapse are those that the run recorded of itself."
)
WHAT_A_GAIN_SAYS = (
    f"Student-t interval over pre-training runs, for {TARGET}. A verdict takes {ENCODERS_FOR_A_METHOD} runs; "
    "'not shown' is no proof of no gain. Runs ended at the budgets listed above, which may differ between methods."
)


@dataclass(frozen=True)
class Probed:
    """A run's ridge probe, AUC, mean over the tasks that have one at both ends."""

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
    def verdict(self) -> str:
        if self.runs < ENCODERS_FOR_A_METHOD:
            return f"too few runs ({self.runs})"
        return "yes" if self.low is not None and self.low > 0 else "not shown"


def runs(rows: pl.DataFrame) -> dict[tuple[str, int | None], pl.DataFrame]:
    """(initialisation, seed) -> the run's rows in order. Of a ledger from before entries had names, the method's."""
    named = rows.with_columns(initialisation=pl.coalesce("initialisation", "method")).sort("step")
    found = {(str(init), seed): run for (init, seed), run in named.group_by(RUN, maintain_order=True)}
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0)))


def probed(run: pl.DataFrame) -> Probed | None:
    """None unless the run was probed before its first step and after it."""
    found = run.filter(pl.col("probes").is_not_null())
    if len(found) < 2 or found["step"][0] != 0:
        return None
    start, end = (_ridges(found["probes"][k]) for k in (0, -1))
    both = sorted(start.keys() & end.keys())
    if not both:
        return None
    return Probed(float(np.mean([start[task] for task in both])), float(np.mean([end[task] for task in both])))


def gains(rows: pl.DataFrame) -> dict[str, Gain]:
    """Initialisation -> its mean gain over the untrained encoder, where two or more of its runs were probed."""
    by_init: dict[str, list[float]] = {}
    for (init, _), run in runs(rows).items():
        found = probed(run)
        if found:
            by_init.setdefault(init, []).append(found.gain)
    return {init: _gain(np.array(values)) for init, values in by_init.items() if len(values) > 1}


def _gain(values: np.ndarray) -> Gain:
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    if deviation == 0:
        return Gain(mean, len(values))
    half = float(student.ppf(0.5 + LEVEL / 2, len(values) - 1)) * deviation / len(values) ** 0.5
    return Gain(mean, len(values), mean - half, mean + half)


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


def section(rows: pl.DataFrame) -> Raw:
    """The state of each run at its last logged step, and beneath it what each method gained."""
    if rows.is_empty():
        return page.paragraph("No encoder was pre-trained in this study.")
    header = ["initialisation", "method", "seed", "source images", "views", "pixels", "FLOPs", "device seconds",
              "peak memory", "loss / trivial", "spread", "rank", "ridge probe", "sign of collapse"]  # fmt: skip
    lines = [_line(init, run) for (init, _), run in runs(rows).items()]
    table = page.table(header, lines, numbers=set(range(2, 13)), group=0)
    return Raw(table + page.paragraph(WHAT_IT_SAYS, class_="note") + _beaten(rows))


def _line(init: str, run: pl.DataFrame) -> list[object]:
    r, probe = run.row(-1, named=True), probed(run)
    return [
        init, r["method"], r["pretrain_seed"], f"{r['images']:,}", scaled(r["views"]), scaled(r["pixels"]),
        scaled(r["flops"]), _number(r["device_seconds"], 0), scaled(r["peak_memory"], "B"),
        _number(r["loss_over_trivial"], 3), _number(r["spread"], 3), _number(r["rank"], 1),
        f"{probe.start:.3f} \N{RIGHTWARDS ARROW} {probe.end:.3f} ({probe.gain:+.3f})" if probe else "-",
        collapse(run),
    ]  # fmt: skip


def _beaten(rows: pl.DataFrame) -> Raw:
    found = gains(rows)
    if not found:
        return Raw("")
    lines = [
        [init, gain.runs, f"{gain.mean:+.3f}",
         "none: the runs do not differ" if gain.low is None else f"{gain.low:+.3f} to {gain.high:+.3f}", gain.verdict]
        for init, gain in found.items()
    ]  # fmt: skip
    header = ["initialisation", "runs", "mean gain of the ridge probe", "95 % interval", "beats the untrained encoder"]
    heading = page.tag("h3", "Gain over the untrained encoder")
    return Raw(heading + page.table(header, lines, numbers={1, 2, 3}) + page.paragraph(WHAT_A_GAIN_SAYS, class_="note"))


def _ridges(probes: str) -> dict[str, float]:
    return {task: each["ridge"] for task, each in json.loads(probes).items() if each["ridge"] is not None}


def scaled(value: float | None, unit: str = "") -> str:
    """Three digits and a prefix in steps of a thousand: 1.23 G."""
    if value is None:
        return "-"
    power = 0
    while abs(value) >= 999.5 and power < 6:
        value, power = value / 1000, power + 1
    prefix = ("", "k", "M", "G", "T", "P", "E")[power]
    return f"{value:.3g} {prefix}{unit}".strip()


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
