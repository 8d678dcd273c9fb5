"""What pre-training cost, learnt and gained: its part of the report, from the rows that the runs logged themselves."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.report import html
from analysis.report.html import Raw

from .intervals import ENCODERS_FOR_A_METHOD, over_blocks

TARGET = "new pre-training runs on this corpus, these tasks' training patients"
RUN = ["initialisation", "pretrain_seed"]
PROBES = {"ridge": "ridge", "knn": "k-NN"}
WHAT_IT_COST = (
    "Counted or measured of each run itself, so there is no interval. Costs are of the whole run, probes left out; "
    "memory is the most that one worker held."
)
WHAT_IT_LEARNT = (
    "The state at the last logged step. Probes are closed-form classifiers on the encoder's features, their AUC taken "
    "over folds of the tasks' training patients; they chose nothing. A probe is told before the first step (untrained, "
    "unless the run went on from given weights), at the end, and as the difference. No interval stands beside the "
    "numbers of one run: how far they would differ with another seed shows in several runs only. Signs of collapse "
    "are those that the run recorded of itself."
)
WHAT_A_GAIN_SAYS = (
    f"Student-t interval over pre-training runs, for {TARGET}. A verdict takes {ENCODERS_FOR_A_METHOD} runs; "
    "'not shown' is no proof of no gain. Runs ended at the budgets listed above, which may differ between methods."
)
NOT_PROBED = "probed both before the first step and after it, so no gain can be told."


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
    found = {(str(init), seed): run for (init, seed), run in named.group_by(RUN, maintain_order=True)}
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


def section(rows: pl.DataFrame) -> Raw:
    """Warnings first, then what each run cost, what it learnt, and beneath it what each initialisation gained."""
    if rows.is_empty():
        return html.paragraph("No encoder was pre-trained in this study.")
    return Raw(_warnings(rows) + _costs(rows) + _learnt(rows) + _gained(rows))


def _warnings(rows: pl.DataFrame) -> Raw:
    last = {name: run.row(-1, named=True)["warning"] for name, run in runs(rows).items()}
    return Raw("".join(
        html.paragraph(f"Warning: {init}, seed {seed}, ended with a sign of collapse: {warning}.", class_="warn")
        for (init, seed), warning in last.items() if warning
    ))  # fmt: skip


def _costs(rows: pl.DataFrame) -> Raw:
    header = ["initialisation", "method", "seed", "source images", "views", "pixels", "FLOPs", "device seconds",
              "peak memory"]  # fmt: skip
    lines = [
        [init, r["method"], r["pretrain_seed"], f"{r['images']:,}", scaled(r["views"]), scaled(r["pixels"]),
         scaled(r["flops"]), _number(r["device_seconds"], 0), scaled(r["peak_memory"], "B")]
        for (init, _), run in runs(rows).items() for r in [run.row(-1, named=True)]
    ]  # fmt: skip
    table = html.table(header, lines, numbers=set(range(2, 9)), group=0)
    return Raw(html.tag("h3", "What each run cost") + table + html.paragraph(WHAT_IT_COST, class_="note"))


def _learnt(rows: pl.DataFrame) -> Raw:
    header = ["initialisation", "seed", "loss / trivial", "spread", "rank"]
    header += [f"{name} probe" for name in PROBES.values()] + ["sign of collapse"]
    lines = [
        [init, r["pretrain_seed"], _number(r["loss_over_trivial"], 3), _number(r["spread"], 3), _number(r["rank"], 1),
         *(_ends(probed(run, probe)) for probe in PROBES), collapse(run)]
        for (init, _), run in runs(rows).items() for r in [run.row(-1, named=True)]
    ]  # fmt: skip
    table = html.table(header, lines, numbers=set(range(1, 7)), group=0)
    return Raw(html.tag("h3", "What each run learnt") + table + html.paragraph(WHAT_IT_LEARNT, class_="note"))


def _ends(probe: Probed | None) -> str:
    if probe is None:
        return "not probed at both ends"
    return f"{probe.start:.3f} \N{RIGHTWARDS ARROW} {probe.end:.3f} ({probe.gain:+.3f})"


def _gained(rows: pl.DataFrame) -> Raw:
    found = {probe: gains(rows, probe) for probe in PROBES}
    names = sorted({init for init, _ in runs(rows)})
    lines = [
        [init, PROBES[probe], gain.runs, f"{gain.mean:+.3f}", gain.interval, gain.verdict]
        for init in names for probe in PROBES if (gain := found[probe].get(init))
    ]  # fmt: skip
    without = [init for init in names if not any(init in each for each in found.values())]
    heading = html.tag("h3", "Gain over the untrained encoder")
    header = ["initialisation", "probe", "runs", "mean gain", "95 % interval", "beats the untrained encoder"]
    table = html.table(header, lines, numbers={2, 3, 4}, group=0) if lines else Raw("")
    missing = html.paragraph(f"No run of {', '.join(without)} was {NOT_PROBED}") if without else Raw("")
    note = html.paragraph(WHAT_A_GAIN_SAYS, class_="note") if lines else Raw("")
    return Raw(heading + table + missing + note)


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


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
