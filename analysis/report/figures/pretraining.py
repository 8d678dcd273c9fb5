"""The figure of how pre-training went, a panel a quantity."""

import json
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from analysis.report.figures.style import QUIET, colours, grid, width
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


def pretraining(rows: pl.DataFrame) -> alt.ConcatChart | None:
    """Panels of what was recorded, three a row; a line a run. None without rows."""
    rows = rows.filter(pl.col("images").is_not_null())
    if rows.is_empty():
        return None
    rows = rows.with_columns(_scheduled(rows))
    panels = [panel for panel in WATCHED + _schedules(rows) if _drawn(rows, panel)]
    return grid([_draw(rows, panel) for panel in panels], COLUMNS) if panels else None


def _draw(rows: pl.DataFrame, panel: Panel) -> Any:
    found, values = runs(rows), []
    names = sorted({init for init, _ in found})
    for (init, seed), run in found.items():
        known = run.filter(pl.col(panel.column).is_not_null() & pl.col(panel.x[0]).is_not_null())
        points = known.select(x=panel.x[0], y=panel.column).to_dicts()
        values += [point | {"initialisation": init, "seed": seed} for point in points]
    from_zero = panel.column != "probe_ridge" and not panel.column.startswith("schedule.")
    lines = alt.Chart(alt.Data(values=values), title=panel.title).mark_line(strokeWidth=2)
    lines = lines.encode(
        x=alt.X("x:Q", title=panel.x[1], axis=alt.Axis(tickCount=4, format="~s")),
        y=alt.Y("y:Q", title=None, scale=alt.Scale(zero=from_zero)),
        color=alt.Color("initialisation:N", scale=colours(names)),
        detail="seed:N",
        tooltip=["initialisation:N", "seed:N", "x:Q", alt.Tooltip("y:Q", format=".4~g")],
    )
    level = _untrained(rows) if panel.column == "probe_ridge" else panel.level
    if level is not None:
        across = alt.Chart(alt.Data(values=[{"level": level}]))
        lines = across.mark_rule(color=QUIET, strokeDash=[4, 3]).encode(y="level:Q") + lines
    return alt.layer(lines).properties(width=width(COLUMNS), height=150)


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
