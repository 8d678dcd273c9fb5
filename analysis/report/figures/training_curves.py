"""The figure of how the chosen settings were trained."""

from typing import Any

import altair as alt
import polars as pl

from analysis.report.figures.style import grid, width
from analysis.statistics.convergence import train_loss
from analysis.words import metric_words

SCORE, LOSS = "#0072B2", "#7a858f"
COLUMNS = 3


def training_curves(curves: pl.DataFrame, *, metric: str = "auc") -> alt.ConcatChart | None:
    """Validation score and training loss by epoch: median and quartiles over cells. None without curves."""
    several = curves.filter(pl.col("epoch").n_unique().over("task", "setting") > 1)
    panels = several.select("task", "setting").unique(maintain_order=True).rows()
    drawn, columns = [], max(min(len(panels), COLUMNS), 2)
    for start in range(0, len(panels), columns):
        row = panels[start : start + columns]
        own = [several.filter(task=task, setting=setting) for task, setting in row]
        scores = [rows.filter(split="val", metric=metric) for rows in own]
        drawn += [
            _quartiles(rows, f"{task}, {setting}", f"validation {metric_words(metric)}", SCORE, columns)
            for rows, (task, setting) in zip(scores, row, strict=True)
        ]
        drawn += [
            _quartiles(train_loss(rows), f"{task}, {setting}", "training loss", LOSS, columns)
            for rows, (task, setting) in zip(own, row, strict=True)
        ]
    return grid(drawn, min(len(panels), columns)) if drawn else None


def _quartiles(rows: pl.DataFrame, title: str, y: str, colour: str, columns: int) -> Any:
    value = pl.col("value")
    band = rows.group_by("epoch").agg(
        low=value.quantile(0.25, "linear"), median=value.median(), high=value.quantile(0.75, "linear")
    ).sort("epoch")  # fmt: skip
    chart = alt.Chart(alt.Data(values=band.to_dicts()), title=title if len(band) else f"{title}: not recorded")
    at = chart.encode(x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d")))
    axis = alt.Y("low:Q", title=y, scale=alt.Scale(zero=False))
    layers = alt.layer(
        at.mark_area(color=colour, opacity=0.2).encode(y=axis, y2="high:Q"),
        at.mark_line(color=colour, strokeWidth=2).encode(
            y=alt.Y("median:Q", title=y), tooltip=["epoch:Q", alt.Tooltip("median:Q", format=".3f")]
        ),
    )
    return layers.properties(width=width(columns), height=150)
