"""The figures of a report, as matplotlib Figures that share no state."""

from collections.abc import Iterable
from typing import Any, Literal

import matplotlib
import polars as pl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from analysis.statistics.convergence import train_loss
from analysis.words import with_setting

INK, QUIET, GRID = "#1f2428", "#6a737d", "#e4e7ea"
STYLE = {
    "scratch": ("#5c6670", "o"), "spark": ("#0072B2", "s"), "moco_v2": ("#D55E00", "^"), "byol": ("#009E73", "D"),
    "swav": ("#CC79A7", "v"), "imagenet": ("#E69F00", "P"),
}  # fmt: skip
SPARE = [("#56B4E9", "X"), ("#882255", "<"), ("#117733", ">"), ("#AA4499", "h"), ("#999933", "*")]
METRIC_NAMES = {
    "auc": "AUC", "auprc": "AUPRC", "balanced_accuracy": "balanced accuracy", "brier": "Brier score",
    "log_loss": "log loss",
}  # fmt: skip
WIDTH = 9.0
RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9.5, "axes.edgecolor": QUIET, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": QUIET, "ytick.color": QUIET, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 10.5, "axes.titleweight": "bold", "axes.titlelocation": "left", "legend.frameon": False,
}  # fmt: skip


def style(initialisation: str, among: Iterable[str]) -> tuple[str, str]:
    """(colour, marker): Okabe-Ito for the known methods, spare ones by name's order for a user's own."""
    if initialisation in STYLE:
        return STYLE[initialisation]
    own = sorted(set(among) - set(STYLE))
    return SPARE[own.index(initialisation) % len(SPARE)]


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
                    axes[i][j].set_ylabel(f"test {METRIC_NAMES.get(metric, metric)}")
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
        axes[0][0].set_ylabel(f"validation {METRIC_NAMES.get(metric, metric)}")
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


def grid(
    rows: int, columns: int, *, height: float, sharey: Literal["none", "col"] = "none"
) -> tuple[Figure, list[list[Axes]]]:
    figure = Figure(figsize=(max(WIDTH, 2.6 * columns), height * rows + 0.5), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
    for ax in axes.flat:
        ax.grid(axis="y", color=GRID, lw=0.8)
        ax.set_axisbelow(True)
        ax.tick_params(length=3)
    return figure, axes.tolist()


def legend(figure: Figure, axes: list[list[Axes]]) -> None:
    handles: dict[str, Artist] = {}
    for line in (line for row in axes for ax in row for line in ax.get_lines()):
        if not str(line.get_label()).startswith("_"):
            handles.setdefault(str(line.get_label()), line)
    if handles:
        figure.legend(list(handles.values()), list(handles), loc="outside upper left", ncols=len(handles))


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
