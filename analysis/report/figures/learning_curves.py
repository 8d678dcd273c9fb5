"""The figure of scores by number of labels."""

import json
import math
import re
from typing import Any

import altair as alt
import polars as pl

from analysis.report.figures.style import QUIET, colours, grid, markers, width
from analysis.statistics.savings import CHANCE
from analysis.words import metric_words, with_setting

COLUMNS = 3
SPREAD = 0.045
"""Between two initialisations at one size, in parts of the labels."""
SHOWN = ["initialisation:N", "labels:Q", "patients:Q", "mean:Q", "interval:N", "target:N"]


def learning_curves(table: pl.DataFrame, *, metric: str = "auc") -> alt.ConcatChart | None:
    """Score against realised labels of the label-efficiency table, a panel a task and setting; None without rows.

    The chart has parameters `axis` (log or linear) and `unit` (labels or patients), and one of each initialisation's
    name that says whether it is shown.
    """
    table = with_setting(table.filter(pl.col("metric") == metric))
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
            "x:Q", title="number of labels", scale=alt.Scale(zero=False, nice=False, padding=14), axis=_ticks(rows)
        ),
        color=alt.Color("initialisation:N", scale=colours(names), sort=names),
    )
    y = alt.Y("mean:Q", title=f"test {metric_words(metric)}", scale=alt.Scale(domain=domain, nice=True, zero=False))
    tips = [alt.Tooltip(field, format=".3f") if field == "mean:Q" else alt.Tooltip(field) for field in SHOWN]
    marks = at.encode(y=y, shape=alt.Shape("initialisation:N", scale=markers(names), sort=names), tooltip=tips)
    layers = [at.mark_line(strokeWidth=2).encode(y=y)]
    if rows["low"].count():
        known = at.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.6, opacity=0.7)
        layers.append(known.encode(y="low:Q", y2="high:Q"))
        layers.append(marks.transform_filter("isValid(datum.low)").mark_point(size=62, filled=True, opacity=1))
    if rows["low"].null_count():
        layers.append(marks.transform_filter("!isValid(datum.low)").mark_point(size=62, filled=False, opacity=1))
    if chance is not None:
        line = alt.Chart(alt.Data(values=[{"chance": chance}]))
        layers.insert(0, line.mark_rule(color=QUIET, strokeDash=[4, 3]).encode(y="chance:Q"))
    return alt.layer(*layers).properties(width=width(columns), height=230)


def _values(rows: pl.DataFrame, names: list[str]) -> list[dict]:
    among = [name for name in names if name in rows["initialisation"].to_list()]
    return [
        {
            "initialisation": r["initialisation"], "labels": r["n_labels"], "patients": r["n_patients"],
            "mean": r["mean"], "low": r["low"], "high": r["high"],
            "interval": "none" if r["low"] is None else f"{r['low']:.3f} to {r['high']:.3f}",
            "target": "; ".join(filter(None, (r["target"], r["reason"]))),
            "aside": SPREAD * (among.index(r["initialisation"]) - (len(among) - 1) / 2),
        }
        for r in rows.sort("n_labels").iter_rows(named=True)
    ]  # fmt: skip


def _ticks(rows: pl.DataFrame) -> alt.Axis:
    """At the sizes themselves where the axis is logarithmic."""
    labels, patients = (_apart(rows[column].unique().sort().to_list()) for column in ("n_labels", "n_patients"))
    logs = [[math.log(n) for n in counts] for counts in (labels, patients)]
    of_unit = f"(unit === 'labels' ? {logs[0]} : {logs[1]})"
    wide = f"(unit === 'labels' ? {_even(labels)} : {_even(patients)})"
    return alt.Axis(
        values=alt.ExprRef(f"axis === 'log' ? {of_unit} : {wide}"),
        labelExpr="axis === 'log' ? format(exp(datum.value), ',.0f') : format(datum.value, ',.0f')",
    )


def _apart(counts: list[float]) -> list[float]:
    return [n for k, n in enumerate(counts) if k == 0 or n / counts[k - 1] > 1.15]


def _even(counts: list[float]) -> list[float]:
    """A few round numbers up to the most."""
    step = 10 ** math.floor(math.log10(max(counts[-1], 1)))
    step = next(step * part for part in (1, 0.5, 0.25, 0.2) if counts[-1] / (step * part) >= 4 or part == 0.2)
    return [round(step * k) for k in range(int(counts[-1] / step) + 1)]


def _names(table: pl.DataFrame, column: str) -> list[str]:
    """Distinct values with scratch first."""
    return sorted(table[column].unique().to_list(), key=lambda name: (name != "scratch", name))
