"""How far each initialisation lies from one of them, on the same draws."""

import polars as pl

from analysis.report import html
from analysis.report.cells import Notes, interval, labels
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.words import with_setting
from study.vocabulary import INITIALISATION, TASK

title = "Difference from {against}, on the same draws"


def render(results: Results) -> Raw:
    against = results.against
    table = results.differences.filter(pl.col("against") == against)
    if table.is_empty():
        return html.paragraph(f"No draw has final runs of both {against} and another initialisation yet.")
    notes = Notes()
    rows = [
        [f"{r['task']}, {r['setting']}", r["initialisation"], labels(r), f"{r['mean']:+.3f}",
         interval(r, notes, sign="+"), r["n_draws"], _reading(r)]
        for r in with_setting(table).iter_rows(named=True)
    ]  # fmt: skip
    header = [TASK, INITIALISATION, "labels", "difference", "95 % interval", "draws", "reading"]
    return Raw(html.table(header, rows, numbers={2, 3, 4, 5}, group=0) + notes.html())


def _reading(r: dict) -> str:
    if r["low"] is None:
        return "no interval"
    return "above" if r["low"] > 0 else "below" if r["high"] < 0 else "not separated"
