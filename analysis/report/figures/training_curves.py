"""The figure of how the chosen settings were trained."""

import matplotlib
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.report.figures.style import QUIET, RC, grid
from analysis.statistics.convergence import train_loss
from analysis.words import metric_words


def training_curves(curves: pl.DataFrame, *, metric: str = "auc") -> Figure | None:
    """Validation score above, training loss below, by epoch: median and quartiles over cells. None without curves."""
    several = curves.filter(pl.col("epoch").n_unique().over("task", "setting") > 1)
    panels = several.select("task", "setting").unique(maintain_order=True).rows()
    if not panels:
        return None
    with matplotlib.rc_context(RC):
        figure, axes = grid(2, len(panels), height=2.2)
        for j, (task, setting) in enumerate(panels):
            own = several.filter(task=task, setting=setting)
            score = own.filter(split="val", metric=metric)
            _quartiles(axes[0][j], score, "#0072B2")
            _quartiles(axes[1][j], train_loss(own), "#5c6670")
            axes[0][j].set_title(f"{task}, {setting}")
            axes[1][j].set_xlabel("epoch")
            for ax in (axes[0][j], axes[1][j]):
                ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[0][0].set_ylabel(f"validation {metric_words(metric)}")
        axes[1][0].set_ylabel("training loss")
    return figure


def _quartiles(ax: Axes, rows: pl.DataFrame, colour: str) -> None:
    if rows.is_empty():
        ax.text(0.5, 0.5, "not recorded", ha="center", va="center", transform=ax.transAxes, color=QUIET)
        return
    value = pl.col("value")
    band = rows.group_by("epoch").agg(
        low=value.quantile(0.25, "linear"), mid=value.median(), high=value.quantile(0.75, "linear")
    ).sort("epoch")  # fmt: skip
    ax.fill_between(band["epoch"], band["low"], band["high"], color=colour, alpha=0.18, lw=0)
    ax.plot(band["epoch"], band["mid"], color=colour, lw=1.8)
