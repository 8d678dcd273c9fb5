"""One number for a whole curve: the area under the label-efficiency curve, between the sizes that all have."""

import numpy as np
import polars as pl
from scipy.integrate import trapezoid

from analysis.report import html
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.intervals import THIS_TEST_SET, estimate
from analysis.statistics.label_efficiency import BOUNDS
from analysis.tables import compared
from analysis.words import metric_words, with_setting
from study.vocabulary import DRAW, INITIALISATION, SIZE_FACTORS, TASK

title = "Area under the curve"

WHAT_IT_SAYS = (
    "The mean height of a curve over the logarithm of the number of labels: the trapezoid rule between the sizes that "
    "every initialisation of the panel has in every draw, divided by the range. One area is taken in each draw, whose "
    "subsets nest, so what the sizes of a draw share is counted once; the interval is Student's t over draws, for "
    f"{THIS_TEST_SET} and these encoders. A range of few labels and one of many are not comparable."
)


def render(results: Results) -> Raw:
    """Nothing before a panel has two sizes."""
    rows = [row for panel in areas(results).values() for row in panel]
    if not rows:
        return Raw("")
    header = ["panel", "initialisation", "labels", "draws", f"mean {metric_words(results.metric)}", "95 % interval"]
    table = html.table(header, rows, numbers={2, 3, 4, 5}, group=0)
    return Raw(table + html.paragraph(WHAT_IT_SAYS, class_="note"))


def area(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean height over log2 of the number of labels, both (sizes,), of two sizes or more in rising order."""
    x = np.log2(labels)
    return float(trapezoid(scores, x) / (x[-1] - x[0]))


def areas(results: Results) -> dict[tuple[str, str], list[list[object]]]:
    """(task, setting) -> rows of the table: panel, initialisation, labels from and to, draws, mean, interval."""
    tables = results.tables
    scores = tables.scores.filter(
        pl.col("corruption").is_null(), unit="image", metric=results.metric, test_set="test"
    ).select("key", "value")
    runs = with_setting(compared(tables.finals).finals.join(scores, on="key").filter(pl.col("value").is_not_null()))
    runs = runs.with_columns(labels=pl.col("n_train") + pl.col("n_val"))
    found: dict[tuple[str, str], list[list[object]]] = {}
    for (task, setting), panel in runs.sort(TASK, "setting").group_by(TASK, "setting", maintain_order=True):
        own = INITIALISATION, DRAW, *SIZE_FACTORS
        points = panel.group_by(own).agg(pl.mean("value"), pl.mean("labels"))
        curves = points.select(INITIALISATION, DRAW).n_unique()
        sizes = points.group_by(SIZE_FACTORS).agg(pl.len(), pl.median("labels")).filter(pl.col("len") == curves)
        if sizes.height < 2 or sizes["labels"].n_unique() < sizes.height:
            continue
        points = points.join(sizes.select(SIZE_FACTORS), on=SIZE_FACTORS).sort(
            pl.col(INITIALISATION) != "scratch", INITIALISATION, "labels", DRAW
        )
        labels = sizes["labels"].to_list()
        span = f"{min(labels):.0f} to {max(labels):.0f}"
        found[str(task), str(setting)] = [
            [f"{task!s}, {setting!s}", str(init), span, *_mean(curve, results.metric)]
            for (init,), curve in points.group_by(INITIALISATION, maintain_order=True)
        ]
    return found


def _mean(curve: pl.DataFrame, metric: str) -> tuple[int, str, str]:
    """Draws, mean area and its interval, or why there is none."""
    by_draw = {
        (int(str(draw)), 0): area(own["labels"].to_numpy(), own["value"].to_numpy())
        for (draw,), own in curve.group_by(DRAW, maintain_order=True)
    }
    found = estimate(by_draw, "draws alone", bounds=BOUNDS[metric])
    interval = "none: one draw" if found.low is None else f"{found.low:.3f} to {found.high:.3f}"
    return len(by_draw), f"{found.mean:.3f}", interval
