"""What all figures of a report share: colours, markers, axes, legend. Figures share no state."""

from collections.abc import Iterable
from typing import Any, Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, QUIET, GRID = "#1f2428", "#6a737d", "#e4e7ea"
STYLE = {
    "scratch": ("#5c6670", "o"), "spark": ("#0072B2", "s"), "moco_v2": ("#D55E00", "^"), "byol": ("#009E73", "D"),
    "swav": ("#CC79A7", "v"), "imagenet": ("#E69F00", "P"),
}  # fmt: skip
SPARE = [("#56B4E9", "X"), ("#882255", "<"), ("#117733", ">"), ("#AA4499", "h"), ("#999933", "*")]
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
