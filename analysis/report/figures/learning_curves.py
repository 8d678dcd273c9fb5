"""The figure of scores by number of labels."""

import matplotlib
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.report.figures.style import QUIET, RC, grid, legend, style
from analysis.words import metric_words, with_setting


def learning_curves(table: pl.DataFrame, *, metric: str = "auc") -> Figure:
    """Score against realised labels on a log axis of the label-efficiency table: tasks by settings."""
    table = with_setting(table.filter(pl.col("metric") == metric))
    tasks, settings = _names(table, "task"), _names(table, "setting")
    with matplotlib.rc_context(RC):
        figure, axes = grid(len(settings), len(tasks), height=3.1, sharey="col")
        for i, setting in enumerate(settings):
            for j, task in enumerate(tasks):
                panel = table.filter(task=task, setting=setting)
                _curves(axes[i][j], panel, _names(table, "initialisation"), metric)
                axes[i][j].set_title(f"{task}, {setting}")
                _size_ticks(axes[i][j], table.filter(task=task)["n_labels"].unique().sort().to_list())
                if i == len(settings) - 1:
                    axes[i][j].set_xlabel("labelled images, training and validation")
                if j == 0:
                    axes[i][j].set_ylabel(f"test {metric_words(metric)}")
        legend(figure, axes)
    return figure


def _curves(ax: Axes, panel: pl.DataFrame, inits: list[str], metric: str) -> None:
    if metric == "auc":
        ax.axhline(0.5, color=QUIET, lw=0.9, ls=(0, (4, 3)), zorder=1)
        ax.annotate("chance", (1, 0.5), xycoords=("axes fraction", "data"), xytext=(-2, 2), textcoords="offset points",
                    ha="right", fontsize=8, color=QUIET)  # fmt: skip
    for k, init in enumerate(inits):
        rows = panel.filter(initialisation=init).sort("n_labels")
        if rows.is_empty():
            continue
        colour, marker = style(init, inits)
        x = rows["n_labels"].to_numpy() * 1.045 ** (k - (len(inits) - 1) / 2)
        ax.plot(x, rows["mean"], marker=marker, ms=6, color=colour, lw=1.8, zorder=3, label=init)
        for at, row in zip(x, rows.iter_rows(named=True), strict=True):
            known = row["low"] is not None
            if known:
                ax.plot([at, at], [row["low"], row["high"]], color=colour, lw=1.3, alpha=0.75, zorder=2)
            ax.plot(at, row["mean"], marker, ms=6, color=colour, mfc=colour if known else "white", mew=1.2, zorder=4)


def _size_ticks(ax: Axes, sizes: list[float]) -> None:
    if not sizes:
        return
    ax.set_xscale("log")
    apart = [s for k, s in enumerate(sizes) if k == 0 or s / sizes[k - 1] > 1.15]
    ax.xaxis.set_major_locator(FixedLocator(apart))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0f}"))
    ax.set_xlim(min(sizes) / 1.2, max(sizes) * 1.2)


def _names(table: pl.DataFrame, column: str) -> list[str]:
    """Distinct values with scratch first."""
    return sorted(table[column].unique().to_list(), key=lambda name: (name != "scratch", name))
