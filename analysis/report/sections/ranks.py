"""How likely each initialisation is the best at each size."""

import polars as pl

from analysis.report import html
from analysis.report.cells import Notes, labels
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.label_efficiency import first_unit
from analysis.statistics.ranks import ranks
from analysis.words import with_setting
from study.vocabulary import INITIALISATION, TASK

title = "Which is the best, and how surely"

HOW_TO_READ = (
    "Of means drawn about the estimates from their joint covariance: in how many each is the best, and between which "
    "ranks it lies in 95 %. A high probability is no separation: that is judged for the whole family, above."
)


def render(results: Results) -> Raw:
    """Nothing where no two initialisations can be ranked."""
    table = first_unit(ranks(results.points, metric=results.metric))
    if table.is_empty():
        return Raw("")
    notes = Notes()
    ordered = with_setting(table).sort(TASK, "setting", "n_labels", -pl.col("p_best"))
    rows = [
        [f"{r[TASK]}, {r['setting']}", labels(r), _named(r, notes), f"{r['p_best']:.2f}",
         f"{r['rank_low']} to {r['rank_high']}"]
        for r in ordered.iter_rows(named=True)
    ]  # fmt: skip
    header = [TASK, "labels", INITIALISATION, "probability of being the best", "rank"]
    shown = results.table("ranks", header, rows, numbers={1, 3, 4}, group=0, notes=notes)
    return Raw(shown + html.paragraph(HOW_TO_READ, class_="note"))


def _named(r: dict, notes: Notes) -> Raw:
    return Raw(html.text(r[INITIALISATION]) + notes.mark(f"target: {r['target']}"))
