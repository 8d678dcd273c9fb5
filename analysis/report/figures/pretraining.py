"""The figure of how pre-training went, a panel a quantity."""

import json
from dataclasses import dataclass

import matplotlib
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.report.figures.style import QUIET, RC, grid, legend, style
from analysis.statistics.pretraining_gain import runs

COLUMNS = 3
IMAGES, SECONDS = ("images", "source images seen"), ("device_seconds", "device seconds")
CAPTION = (
    "While pre-training ran. The ridge probe is drawn against source images and against device seconds, so that "
    "methods can be compared at an equal number of either; its broken line is the mean before the first step. Of "
    "the schedules, the learning rate and whatever else changes during a run are drawn."
)


@dataclass(frozen=True)
class Panel:
    column: str
    title: str
    x: tuple[str, str] = IMAGES
    level: float | None = None
    """Where a broken line is drawn across."""


WATCHED = [
    Panel("probe_ridge", "ridge probe, AUC"),
    Panel("probe_ridge", "ridge probe, AUC", x=SECONDS),
    Panel("loss_over_trivial", "loss / trivial loss", level=1),
    Panel("spread", "embedding spread"),
    Panel("rank", "effective rank"),
    Panel("lr", "learning rate"),
]


def pretraining(rows: pl.DataFrame) -> Figure | None:
    """Panels of what was recorded, three a row; a line a run. None without rows."""
    rows = rows.filter(pl.col("images").is_not_null())
    if rows.is_empty():
        return None
    rows = rows.with_columns(_scheduled(rows))
    panels = [panel for panel in WATCHED + _schedules(rows) if _drawn(rows, panel)]
    with matplotlib.rc_context(RC):
        down = max(1, -(-len(panels) // COLUMNS))
        figure, axes = grid(down, COLUMNS, height=2.5)
        places = [ax for row in axes for ax in row]
        for ax, panel in zip(places, panels, strict=False):
            _draw(ax, rows, panel)
        for ax in places[len(panels) :]:
            ax.set_axis_off()
        legend(figure, axes)
    return figure


def _draw(ax: Axes, rows: pl.DataFrame, panel: Panel) -> None:
    found = runs(rows)
    names = sorted({init for init, _ in found})
    for (init, _), run in found.items():
        known = run.filter(pl.col(panel.column).is_not_null() & pl.col(panel.x[0]).is_not_null())
        if known.is_empty():
            continue
        colour, _ = style(init, names)
        ax.plot(known[panel.x[0]], known[panel.column], color=colour, lw=1.8, label=init)
    level = _untrained(rows) if panel.column == "probe_ridge" else panel.level
    if level is not None:
        ax.axhline(level, color=QUIET, lw=0.9, ls=(0, (4, 3)))
    ax.set_title(panel.title)
    ax.set_xlabel(panel.x[1])
    ax.xaxis.set_major_locator(MaxNLocator(4))
    if panel.column != "probe_ridge" and not panel.column.startswith("schedule."):
        ax.set_ylim(bottom=0)


def _untrained(rows: pl.DataFrame) -> float | None:
    """The mean probe before the first step."""
    found = rows.filter(pl.col("step") == 0)["probe_ridge"].drop_nulls().to_list()
    return sum(found) / len(found) if found else None


def _drawn(rows: pl.DataFrame, panel: Panel) -> bool:
    return not rows.filter(pl.col(panel.column).is_not_null() & pl.col(panel.x[0]).is_not_null()).is_empty()


def _scheduled(rows: pl.DataFrame) -> list[pl.Series]:
    """A column `schedule.<name>` for each value in the rows' schedules but the learning rate."""
    values = [json.loads(text) if text else {} for text in rows["schedule"]]
    names = sorted({name for each in values for name in each} - {"lr"})
    return [pl.Series(f"schedule.{name}", [each.get(name) for each in values], pl.Float64) for name in names]


def _schedules(rows: pl.DataFrame) -> list[Panel]:
    """Those that change within some run."""
    columns = [name for name in rows.columns if name.startswith("schedule.")]
    moving = [name for name in columns if any(run[name].drop_nulls().n_unique() > 1 for run in runs(rows).values())]
    return [Panel(name, name.removeprefix("schedule.").replace("_", " ")) for name in moving]
