"""One number for a whole curve: the area under the label-efficiency curve, between the sizes that all have."""

import numpy as np

from analysis.report import html
from analysis.report.cells import Notes
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.cell_means import ONE_DRAW
from analysis.statistics.curves import Curves, curves, panels
from analysis.statistics.intervals import LEVEL
from analysis.statistics.point import NothingShared
from analysis.words import metric_words, setting

title = "Area under the curve"

WHAT_IT_SAYS = (
    "The mean height of a curve over the logarithm of the number of labels: the trapezoid rule between the sizes that "
    "every initialisation of the panel has, divided by the range. It is a weighted sum of the curve's means, whose "
    "covariance over draws, test patients and pre-training runs is known, so what nested subsets share is counted "
    "once. The drop is what a curve loses from the most labels to the fewest; beside each stands the difference from "
    "{against}. "
    "Areas over different ranges of labels are not comparable. Intervals are taken one by one."
)


def render(results: Results) -> Raw:
    """Nothing before a panel has two sizes."""
    notes = Notes()
    rows = [row for whole in areas(results) for row in _rows(whole, results.against, notes)]
    if not rows:
        return Raw("")
    what = metric_words(results.metric)
    header = ["panel", "initialisation", "labels", "draws", f"mean {what}", f"from {results.against}", "drop",
              f"less than {results.against}'s by"]  # fmt: skip
    table = results.table("areas", header, rows, numbers={2, 3, 4, 5, 6, 7}, group=0, notes=notes,
                          caption="Mean height of each curve, and what it loses towards few labels")  # fmt: skip
    note = html.paragraph(WHAT_IT_SAYS.format(against=results.against), class_="note")
    return Raw(table + note)


def areas(results: Results) -> list[Curves]:
    """The curves of each panel of the report's metric."""
    first = {(r["task"], r["test_set"], r["unit"]) for r in results.scores.iter_rows(named=True)}
    found = []
    for panel in panels(results.points).values():
        one = panel[0]
        if one.metric == results.metric and (one.factors["task"], one.test_set, one.unit) in first:
            try:
                whole = curves(panel)
            except NothingShared:
                continue
            found += [whole] if whole is not None else []
    return found


def _rows(whole: Curves, against: str, notes: Notes) -> list[list[object]]:
    one = whole.placed
    place = f"{one.factors['task']}, {setting({**one.factors, 'test_set': one.test_set})}"
    span = f"{whole.labels[0]:.0f} to {whole.labels[-1]:.0f}"
    target = f"target: {whole.joint.target}" if len(whole.joint.draws) > 1 else ONE_DRAW
    rows: list[list[object]] = []
    for name in whole.initialisations:
        area, drop = whole.area(name), whole.drop(name, 0)
        apart, less = [None, None]
        if against in whole.initialisations and name != against:
            apart, less = area - whole.area(against), whole.drop(against, 0) - drop
        cells = [_number(whole, weights, sign) for weights, sign in
                 ((area, ""), (apart, "+"), (drop, "+"), (less, "+"))]  # fmt: skip
        rows.append([place, Raw(html.text(name) + notes.mark(target)), span, len(whole.joint.draws), *cells])
    return rows


def _number(whole: Curves, weights: np.ndarray | None, sign: str) -> str:
    if weights is None:
        return "-"
    if len(whole.joint.draws) < 2:
        return f"{whole.joint.means.means @ weights:{sign}.3f}"
    found = whole.contrast(weights)
    low, high = found.interval(LEVEL)
    return f"{found.value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
