"""How far each initialisation lies from one of them, on the same draws."""

import polars as pl

from analysis.report import html
from analysis.report.cells import Notes, interval, labels
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.words import metric_words, with_setting
from study.vocabulary import INITIALISATION, TASK

title = "Difference from {against}, on the same draws"

HOW_TO_READ = (
    "The first interval is that of this difference alone. 'Separated' is judged for all pairs, sizes and settings of a "
    "task together, so that where all are equal some pair is called separated in at most 5 % of studies. 'Could show' "
    "is the difference that this design separates with a power of 80 %."
)


def render(results: Results) -> Raw:
    against = results.against
    apart = results.differences.filter(pl.col("against") == against)
    if apart.is_empty():
        return html.paragraph(f"No draw has final runs of both {against} and another initialisation yet.")
    notes = Notes()
    rows = [
        [f"{r['task']}, {r['setting']}", r["initialisation"], labels(r), f"{r['mean']:+.3f}",
         interval(r, notes, sign="+"), r["n_draws"], "-" if r["detectable"] is None else f"{r['detectable']:.3f}",
         _reading(r)]
        for r in with_setting(apart).iter_rows(named=True)
    ]  # fmt: skip
    header = [TASK, INITIALISATION, "labels", "difference", "95 % interval", "draws", "could show", "reading"]
    note = html.paragraph(HOW_TO_READ, class_="note")
    table = results.table("differences", header, rows, numbers={2, 3, 4, 5, 6}, group=0, notes=notes,
                          caption=f"Difference in {metric_words(results.metric)} from {against}")  # fmt: skip
    return Raw(table + note)


def _reading(r: dict) -> str:
    if r["low"] is None:
        return "no interval"
    return ("above" if r["mean"] > 0 else "below") if r["separated"] else "not separated"
