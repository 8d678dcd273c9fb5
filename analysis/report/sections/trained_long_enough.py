"""Whether the runs were trained long enough to be compared."""

from analysis.report import html
from analysis.report.cells import percent
from analysis.report.figures.training_curves import training_curves
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.convergence import TOLERANCE, levelled

title = "Were the runs trained long enough?"

WHAT_LEVELLED_MEANS = (
    f"A cell has levelled where the last fifth of its epochs changes the training loss by less than {TOLERANCE:.0%} of "
    "its whole fall; the verdict is that of at least half of the cells."
)
CAPTION = "Selected settings: median over cells, and the band of the middle half."


def render(results: Results) -> Raw:
    drawn = training_curves(results.curves, metric=results.metric)
    return Raw(
        _table(results)
        + html.paragraph(WHAT_LEVELLED_MEANS, class_="note")
        + results.figure("training_curves", drawn, CAPTION)
    )


def _table(results: Results) -> Raw:
    rows = [
        [f"{r['task']}, {r['setting']}", r["cells"], r["epochs"], percent(r["last_fifth"]),
         percent(r["share_levelled"]), r["verdict"]]
        for r in levelled(results.curves).iter_rows(named=True)
    ]  # fmt: skip
    if not rows:
        return html.paragraph("No training curves of the selected settings are stored.")
    header = ["task", "cells", "epochs", "fall of the loss in the last fifth", "cells levelled", "levelled?"]
    return results.table("training", header, rows, numbers={1, 2, 3, 4}, caption="How the training loss ended")
