"""The figure of scores by number of labels."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import altair as alt
import polars as pl

from analysis.report.figures.style import INK, QUIET, colours, grid, markers, width
from analysis.statistics.savings import CHANCE
from analysis.words import metric_words, with_setting

COLUMNS = 3
HEIGHT = 230
MARGIN, DIGIT = 14, 7
"""Pixels beside the fewest and the most labels, and of a digit of a tick's label."""
SPREAD, WIDEST = 0.045, 0.3
"""Between two initialisations at one size, and between the first and the last, on the logarithm of the labels."""
SHOWN = ["initialisation:N", "labels:Q", "patients:Q", "mean:Q", "interval:N", "target:N"]


def learning_curves(table: pl.DataFrame, *, metric: str = "auc") -> alt.ConcatChart | None:
    """Score against realised labels of the label-efficiency table, a panel a task and setting (those of a column
    `setting`, where there is one); None without rows.

    The chart has parameters `axis` (log or linear) and `unit` (labels or patients), and one of each initialisation's
    name that says whether it is shown.
    """
    table = table.filter(pl.col("metric") == metric)
    table = table if "setting" in table.columns else with_setting(table)
    if table.is_empty():
        return None
    names = _names(table, "initialisation")
    tasks, settings = _names(table, "task"), _names(table, "setting")
    places = [(task, setting) for setting in settings for task in tasks]
    panels = [(task, setting, table.filter(task=task, setting=setting)) for task, setting in places]
    panels = [panel for panel in panels if not panel[2].is_empty()]
    columns = min(len(tasks) if len(tasks) > 1 else 2, len(panels), COLUMNS)
    drawn = [
        _panel(f"{task}, {setting}", rows, table.filter(task=task), names, metric, columns)
        for task, setting, rows in panels
    ]
    drawn[0] = drawn[0].add_params(*_params(names))
    return grid(drawn, columns).resolve_scale(color="shared", shape="shared")


def _params(names: list[str]) -> list[alt.Parameter]:
    return [
        alt.param("axis", value="log"),
        alt.param("unit", value="labels"),
        *(alt.param(shown(name), value=True) for name in names),
    ]


def initialisations(table: pl.DataFrame) -> list[str]:
    """In the order of the legend."""
    return _names(table, "initialisation")


def shown(name: str) -> str:
    """The parameter that says whether an initialisation is shown."""
    return "shown_" + re.sub(r"\W", lambda odd: f"_{ord(odd.group()):x}_", name)


def _panel(title: str, rows: pl.DataFrame, of_task: pl.DataFrame, names: list[str], metric: str, columns: int) -> Any:
    known = of_task.select(
        pl.min_horizontal(pl.min("low"), pl.min("mean")),
        pl.max_horizontal(pl.max("high"), pl.max("mean")).alias("most"),
    )
    least, most = known.row(0)
    chance = CHANCE.get(metric)
    domain = [min(least, chance) if chance is not None else least, most]
    base = alt.Chart(alt.Data(values=_values(rows, names)), title=title)
    visible = " || ".join(f"(datum.initialisation === {json.dumps(name)} && {shown(name)})" for name in names)
    base = (
        base.transform_filter(visible)
        .transform_calculate(count="unit === 'labels' ? datum.labels : datum.patients")
        .transform_calculate(x="axis === 'log' ? log(datum.count) + datum.aside : datum.count")
    )
    at = base.encode(
        x=alt.X(
            "x:Q", title=" ", scale=alt.Scale(zero=False, nice=False, padding=MARGIN), axis=_ticks(rows, width(columns))
        ),
        color=alt.Color("initialisation:N", scale=colours(names), sort=names),
    )
    y = alt.Y("mean:Q", title=f"test {metric_words(metric)}", scale=alt.Scale(domain=domain, nice=True, zero=False))
    tips = [alt.Tooltip(field, format=".3f") if field == "mean:Q" else alt.Tooltip(field) for field in SHOWN]
    marks = at.encode(y=y, shape=alt.Shape("initialisation:N", scale=markers(names), sort=names), tooltip=tips)
    layers = [at.mark_line(strokeWidth=2).encode(y=y)]
    if rows["low"].count():
        known = at.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.6, opacity=0.85)
        layers.append(known.encode(y="low:Q", y2="high:Q"))
        layers.append(marks.transform_filter("isValid(datum.low)").mark_point(size=62, filled=True, opacity=1))
    if rows["low"].null_count():
        layers.append(marks.transform_filter("!isValid(datum.low)").mark_point(size=62, filled=False, opacity=1))
    if chance is not None:
        line = alt.Chart(alt.Data(values=[{"chance": chance}]))
        layers.insert(0, line.mark_rule(color=QUIET, strokeDash=[4, 3]).encode(y="chance:Q"))
        word = line.mark_text(text="chance", align="right", x=width(columns) - 3, dy=-6, fontSize=10, color=INK)
        layers.insert(1, word.encode(y="chance:Q"))
    return alt.layer(*layers, _count_title(columns)).properties(width=width(columns), height=HEIGHT)


def _count_title(columns: int) -> alt.Chart:
    """The title of the axis of counts, which an axis of its own could not change with the unit."""
    words = alt.ExprRef("unit === 'labels' ? 'labelled images' : 'labelled patients'")
    nothing = alt.Chart(alt.Data(values=[{}]))
    return nothing.mark_text(text=words, color=INK, fontSize=11, x=width(columns) // 2, y=HEIGHT + 32)


def _values(rows: pl.DataFrame, names: list[str]) -> list[dict]:
    among = [name for name in names if name in rows["initialisation"].to_list()]
    apart = min(SPREAD, WIDEST / max(len(among) - 1, 1))
    return [
        {
            "initialisation": r["initialisation"], "labels": r["n_labels"], "patients": r["n_patients"],
            "mean": r["mean"], "low": r["low"], "high": r["high"],
            "interval": "none" if r["low"] is None else f"{r['low']:.3f} to {r['high']:.3f}",
            "target": "; ".join(filter(None, (r["target"], r["reason"]))),
            "aside": apart * (among.index(r["initialisation"]) - (len(among) - 1) / 2),
        }
        for r in rows.sort("n_labels").iter_rows(named=True)
    ]  # fmt: skip


def _ticks(rows: pl.DataFrame, wide: int) -> alt.Axis:
    """At the sizes themselves, those that fit."""
    counts = [rows[column].unique().sort().to_list() for column in ("n_labels", "n_patients")]
    labels, patients = (
        f"(axis === 'log' ? {[math.log(n) for n in fitting(every, wide, math.log)]} : {fitting(every, wide, float)})"
        for every in counts
    )
    return alt.Axis(
        values=alt.ExprRef(f"unit === 'labels' ? {labels} : {patients}"),
        labelExpr="format(axis === 'log' ? exp(datum.value) : datum.value, ',.0f')",
    )


def fitting(counts: list[float], wide: int, scale: Callable[[float], float]) -> list[float]:
    """Those of rising counts whose labels do not touch on an axis of so many pixels; the most and the fewest first."""
    low, high = scale(counts[0]), scale(counts[-1])
    kept: list[tuple[float, float, float]] = []
    for n in dict.fromkeys([counts[-1], counts[0], *counts]):
        middle = (scale(n) - low) / (high - low) * (wide - 2 * MARGIN) if high > low else 0.0
        half = (len(f"{n:,.0f}") + 1) * DIGIT / 2
        if all(middle + half <= left or middle - half >= right for left, right, _ in kept):
            kept.append((middle - half, middle + half, n))
    return sorted(n for _, _, n in kept)


def _names(table: pl.DataFrame, column: str) -> list[str]:
    """Distinct values with scratch first."""
    return sorted(table[column].unique().to_list(), key=lambda name: (name != "scratch", name))
