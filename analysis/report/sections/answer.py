"""The study's answer to its three questions, each sentence no stronger than its intervals."""

from collections.abc import Sequence

import polars as pl

from analysis.report import html
from analysis.report.figures.learning_curves import learning_curves
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.differences import better
from analysis.statistics.savings import CHANCE, Saving, savings
from analysis.words import metric_words, setting, with_setting
from study.vocabulary import INITIALISATION, SIZE_FACTORS, SMALLER_IS_BETTER

title = "The answer"

NOTHING = (
    "No final run has been completed yet, so there is nothing to compare. "
    "Run the study again: it goes on where it stopped."
)
HOW_TO_READ = (
    "Points are means over draws of label subsets, final seeds averaged within a draw; upright lines are 95 % "
    "intervals whose target the table names, and an open marker has none. Initialisations are set apart sideways so "
    "that their intervals can be read; all stand at the size marked below."
)
ANSWER_CAVEAT = (
    "Better and worse are said where the interval of a paired difference leaves out zero, for all pairs, sizes and "
    "settings of a task together (95 %). With fewer than three pre-training runs a method, a verdict is about the "
    "encoders trained here, not about the method: {encoders}. Numbers of labels hold between the fewest and the most "
    "that were tried."
)


def render(results: Results) -> Raw:
    drawn = None if results.scores.is_empty() else learning_curves(results.scores, metric=results.metric)
    return Raw(
        _boxes(answers(results))
        + html.paragraph(ANSWER_CAVEAT.format(encoders=_encoders(results.scores)), class_="note")
        + results.figure("learning_curves", drawn, HOW_TO_READ)
    )


def _encoders(scores: pl.DataFrame) -> str:
    counts = dict(scores.group_by(INITIALISATION).agg(pl.col("n_encoders").max()).sort(INITIALISATION).iter_rows())
    counts.pop("scratch", None)
    return ", ".join(f"{name} has {count}" for name, count in counts.items()) or "none was pre-trained"


def _boxes(found: list[tuple[str, list[str]]]) -> Raw:
    if not found:
        return html.paragraph(NOTHING, class_="warn")
    boxes = (html.tag("div", html.tag("h3", head), html.bullets(lines), class_="answer") for head, lines in found)
    return Raw("".join(boxes))


def answers(results: Results) -> list[tuple[str, list[str]]]:
    """(heading, which, what it scores, how many labels) for each task x setting of the report's metric."""
    found = []
    table, apart = with_setting(results.scores), with_setting(results.differences)
    saved = savings(results.points, results.differences)
    for (task, where), panel in table.group_by(["task", "setting"], maintain_order=True):
        own = apart.filter(task=task, setting=where)
        here = [s for s in saved if s.curves.placed.factors["task"] == task and _setting_of(s) == where]
        found.append((f"{task}, {where}", [which(panel, own), score(panel), labels(panel, here)]))
    return found


def _setting_of(saving: Saving) -> str:
    placed = saving.curves.placed
    return setting({**placed.factors, "test_set": placed.test_set})


def which(panel: pl.DataFrame, apart: pl.DataFrame) -> str:
    """Which pre-training: what is separated at each size, or what the design could have shown."""
    names = panel[INITIALISATION].unique(maintain_order=True).to_list()
    if len(names) == 1:
        return f"Which: {names[0]} is the only initialisation measured."
    sentences = []
    for rows in _by_size(apart):
        ahead: dict[str, list[str]] = {}
        for row in rows.sort(INITIALISATION, "mean").iter_rows(named=True):
            if better(row):
                by = f"{row['against']} by {abs(row['mean']):.3f} ({_span(row['family_low'], row['family_high'])})"
                ahead.setdefault(row[INITIALISATION], []).append(by)
        sentences += [f"with {_labels(rows)}, {name} is better than {_and(worse)}" for name, worse in ahead.items()]
    if sentences:
        return f"Which: {'; '.join(sentences)}. No other difference is shown."
    return f"Which: no difference between {_and(names)} is shown{_could_show(apart)}."


def _could_show(apart: pl.DataFrame) -> str:
    known = apart.filter(pl.col("detectable").is_not_null())
    if known.is_empty():
        return "; no two of them have two draws in common, so none could be"
    least, most = known["detectable"].min(), known["detectable"].max()
    span = f"{least:.2f}" if f"{least:.2f}" == f"{most:.2f}" else f"{least:.2f} to {most:.2f}, by size and pair"
    return f"; this design could show {span}"


def score(panel: pl.DataFrame) -> str:
    """What it will score, by the best mean at the most and the fewest labels."""
    sizes = _by_size(panel)
    parts = [_best(rows) for rows in ([sizes[-1], sizes[0]] if len(sizes) > 1 else sizes)]
    several = panel[INITIALISATION].n_unique() > 1
    selected = " A best mean of several is selected, and so a little too good." if several else ""
    return f"What it scores: {'; '.join(parts)}.{selected}"


def _best(rows: pl.DataFrame) -> str:
    metric = rows["metric"][0]
    best = rows.sort("mean", descending=metric not in SMALLER_IS_BETTER).row(0, named=True)
    unit = "image" if best["unit"] == "image" else "patient"
    known = "no interval" if best["low"] is None else _span(best["low"], best["high"], "")
    chance = CHANCE.get(metric)
    none = chance is not None and best["low"] is not None and best["low"] <= chance
    worth = ", which may be chance" if none else ""
    return (
        f"with {_labels(rows)}, {best[INITIALISATION]} has a {metric_words(metric)} per {unit} of "
        f"{best['mean']:.3f} ({known}){worth}"
    )


def labels(panel: pl.DataFrame, saved: Sequence[Saving]) -> str:
    """How many labels: savings that are shown."""
    if not saved:
        return "How many labels: no saving of labels is shown."
    parts = []
    for s in saved:
        if s.needed.empty:
            fewest = s.curves.labels[0]
            parts.append(
                f"{s.initialisation} reaches what {s.other} does with {s.labels:.0f} labels with fewer than "
                f"{fewest:.0f}, the fewest that were tried ({s.curves.patients_at(fewest):.0f} instead of "
                f"{s.curves.patients_at(s.labels):.0f} patients)"
            )
            continue
        high = s.needed.high or s.labels
        low = f"{s.needed.low:.0f}" if s.needed.low else f"{s.curves.labels[0]:.0f} or fewer"
        patients = f"at most {s.curves.patients_at(high):.0f} instead of {s.curves.patients_at(s.labels):.0f} patients"
        parts.append(
            f"{s.initialisation} reaches what {s.other} does with {s.labels:.0f} labels with {low} to {high:.0f} "
            f"({patients})"
        )
    return f"How many labels: {'; '.join(parts)}."


def _by_size(panel: pl.DataFrame) -> list[pl.DataFrame]:
    sizes = panel.group_by(SIZE_FACTORS).agg(pl.col("n_labels").median()).sort("n_labels", *SIZE_FACTORS)
    return [panel.filter(size_kind=s["size_kind"], size_value=s["size_value"]) for s in sizes.iter_rows(named=True)]


def _labels(rows: pl.DataFrame) -> str:
    return f"{rows['n_labels'].median():.0f} labels ({rows['n_patients'].median():.0f} patients)"


def _span(low: float, high: float, sign: str = "") -> str:
    low, high = sorted((abs(low), abs(high))) if sign == "" and low * high > 0 else (low, high)
    return f"{low:.3f} to {high:.3f}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
