"""What pre-training cost, learnt and gained: its part of the report, from the rows that the runs logged themselves."""

import polars as pl

from analysis.report import html
from analysis.report.cells import number
from analysis.report.figures import pretraining as figure
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.report.sections import _encoder_pictures
from analysis.statistics.point import ENCODERS_FOR_A_METHOD
from analysis.statistics.pretraining_gain import PROBES, TARGET, Probed, collapse, gains, probed, runs, scaled

title = "Pre-training"

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


def render(results: Results) -> Raw:
    drawn = figure.pretraining(results.tables.pretraining)
    return Raw(
        section(results)
        + results.figure("pretraining", drawn, figure.CAPTION)
        + _encoder_pictures.figures(results.root)
    )


def section(results: Results) -> Raw:
    """Warnings first, then what each run cost, what it learnt, and beneath it what each initialisation gained."""
    rows = results.tables.pretraining
    if rows.is_empty():
        return html.paragraph("No encoder was pre-trained in this study.")
    warned = (html.paragraph(f"Warning: {line}.", class_="warn") for line in warnings(rows).values())
    return Raw("".join([*warned, _costs(results, rows), _learnt(results, rows), _gained(results, rows)]))


def warnings(rows: pl.DataFrame) -> dict[tuple[str, int | None], str]:
    """By (initialisation, seed), of the encoders whose run ended with a sign of collapse."""
    last = {name: run.row(-1, named=True)["warning"] for name, run in runs(rows).items()}
    return {
        (init, seed): f"{init}, seed {seed}, ended with a sign of collapse: {warning}"
        for (init, seed), warning in last.items()
        if warning
    }


def _costs(results: Results, rows: pl.DataFrame) -> Raw:
    header = ["initialisation", "method", "seed", "source images", "views", "pixels", "FLOPs", "device seconds",
              "peak memory"]  # fmt: skip
    lines = [
        [init, r["method"], r["pretrain_seed"], f"{r['images']:,}", scaled(r["views"]), scaled(r["pixels"]),
         scaled(r["flops"]), number(r["device_seconds"], 0), scaled(r["peak_memory"], "B")]
        for (init, _), run in runs(rows).items() for r in [run.row(-1, named=True)]
    ]  # fmt: skip
    table = results.table("pretraining_costs", header, lines, numbers=set(range(2, 9)), group=0,
                          caption="What each run cost")  # fmt: skip
    return Raw(table + html.paragraph(WHAT_IT_COST, class_="note"))


def _learnt(results: Results, rows: pl.DataFrame) -> Raw:
    header = ["initialisation", "seed", "loss / trivial", "spread", "rank"]
    header += [f"{name} probe" for name in PROBES.values()] + ["sign of collapse"]
    lines = [
        [init, r["pretrain_seed"], number(r["loss_over_trivial"], 3), number(r["spread"], 3), number(r["rank"], 1),
         *(_ends(probed(run, probe)) for probe in PROBES), collapse(run)]
        for (init, _), run in runs(rows).items() for r in [run.row(-1, named=True)]
    ]  # fmt: skip
    table = results.table("pretraining_learnt", header, lines, numbers=set(range(1, 7)), group=0,
                          caption="What each run learnt")  # fmt: skip
    return Raw(table + html.paragraph(WHAT_IT_LEARNT, class_="note"))


def _ends(probe: Probed | None) -> str:
    if probe is None:
        return "not probed at both ends"
    return f"{probe.start:.3f} \N{RIGHTWARDS ARROW} {probe.end:.3f} ({probe.gain:+.3f})"


def _gained(results: Results, rows: pl.DataFrame) -> Raw:
    found = {probe: gains(rows, probe) for probe in PROBES}
    names = sorted({init for init, _ in runs(rows)})
    lines = [
        [init, PROBES[probe], gain.runs, f"{gain.mean:+.3f}", gain.interval, gain.verdict]
        for init in names for probe in PROBES if (gain := found[probe].get(init))
    ]  # fmt: skip
    without = [init for init in names if not any(init in each for each in found.values())]
    header = ["initialisation", "probe", "runs", "mean gain", "95 % interval", "beats the untrained encoder"]
    table = results.table("pretraining_gained", header, lines, numbers={2, 3, 4}, group=0,
                          caption="Gain over the untrained encoder") if lines else Raw("")  # fmt: skip
    missing = html.paragraph(f"No run of {', '.join(without)} was {NOT_PROBED}") if without else Raw("")
    note = html.paragraph(WHAT_A_GAIN_SAYS, class_="note") if lines else Raw("")
    return Raw(table + missing + note)
