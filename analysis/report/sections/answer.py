"""The study's answer to its three questions, each sentence no stronger than its intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from analysis.report import html
from analysis.report.figures.learning_curves import initialisations, learning_curves, shown
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.report.sections.pretraining_runs import warnings
from analysis.statistics.differences import better
from analysis.statistics.goals import Needed, needed
from analysis.statistics.label_efficiency import label_efficiency
from analysis.statistics.points import Placed
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
    "intervals whose target the tables name, and an open marker has none. On the logarithmic axis initialisations are "
    "set apart sideways so that their intervals can be read; all stand at the size marked below."
)
CAVEAT = (
    "Better and worse are said where the interval of a paired difference leaves out zero, for all pairs, sizes and "
    "settings of a task together (95 %). With fewer than three pre-training runs a method, a verdict is about the "
    "encoders trained here, not about the method: {encoders}. A best mean of several is selected, and so a little too "
    "good. Numbers of labels hold between the fewest and the most that were tried."
)
SENSITIVITY = "sensitivity_at_specificity_"
MOST_SAID = 2
"""Pairs that are apart, in the sentence; the tables have all."""


@dataclass(frozen=True)
class Answer:
    """The three sentences about a task in one setting, and what warns of an encoder that they name."""

    task: str
    setting: str
    which: str
    score: str
    labels: str
    warned: Sequence[str] = ()


def render(results: Results) -> Raw:
    found = answers(results)
    if not found:
        return html.paragraph(NOTHING, class_="warn")
    first = {answer.task: answer for answer in reversed(found)}
    others = [answer for answer in found if first[answer.task] is not answer]
    more = html.tag("details", html.tag("summary", "Other settings"), *map(_box, others)) if others else ""
    drawn = learning_curves(results.scores, metric=results.metric)
    return Raw(
        "".join(_box(answer) for answer in found if first[answer.task] is answer)
        + more
        + html.paragraph(CAVEAT.format(encoders=_encoders(results.scores)), class_="note")
        + results.figure("learning_curves", drawn, HOW_TO_READ, _controls(results.scores))
    )


def _box(answer: Answer) -> Raw:
    said = (("Which pre-training", answer.which), ("What it scores", answer.score), ("How many labels", answer.labels))
    rows = [part for question, words in said for part in (html.tag("dt", question), html.tag("dd", words))]
    warned = [html.paragraph(f"Warning: {line}.", class_="warn") for line in answer.warned]
    return html.tag(
        "div", html.tag("h3", f"{answer.task}, {answer.setting}"), html.tag("dl", *rows), *warned, class_="answer"
    )


def _controls(scores: pl.DataFrame) -> Raw:
    names = initialisations(scores)
    return Raw(
        html.choices("Show", "checkbox", [(shown(name), name, name, True) for name in names])
        + html.choices("Axis", "radio", [("axis", "log", "logarithmic", True), ("axis", "linear", "linear", False)])
        + html.choices("Count", "radio", [("unit", "labels", "images", True), ("unit", "patients", "patients", False)])
    )


def _encoders(scores: pl.DataFrame) -> str:
    counts = dict(scores.group_by(INITIALISATION).agg(pl.col("n_encoders").max()).sort(INITIALISATION).iter_rows())
    counts.pop("scratch", None)
    return ", ".join(f"{name} has {count}" for name, count in counts.items()) or "none was pre-trained"


def answers(results: Results) -> list[Answer]:
    """For each task x setting of the report's metric, a task's first setting first."""
    found = []
    table, apart = with_setting(results.scores), with_setting(results.differences)
    saved = savings(results.points, results.differences)
    wanted = [each for goal in results.goals for each in needed(results.points_of(goal.metric), goal)]
    warned = warnings(results.tables.pretraining)
    for (task, where), panel in table.group_by(["task", "setting"], maintain_order=True):
        own = apart.filter(task=task, setting=where)
        answer = Answer(
            str(task), str(where), which(panel, own), score(panel, _sensitivity(results, panel)),
            labels([s for s in saved if _stands(s.curves.placed, task, where)],
                   [n for n in wanted if _stands(n.placed, task, where)]),
        )  # fmt: skip
        said = f"{answer.which} {answer.score} {answer.labels}"
        found.append(replace(answer, warned=[line for (name, _), line in warned.items() if name in said]))
    return found


def _stands(placed: Placed, task: object, where: object) -> bool:
    return placed.factors["task"] == task and setting({**placed.factors, "test_set": placed.test_set}) == where


def which(panel: pl.DataFrame, apart: pl.DataFrame) -> str:
    """Which pre-training: what is separated, or what the design could have shown."""
    names = panel[INITIALISATION].unique(maintain_order=True).to_list()
    if len(names) == 1:
        return f"{names[0]} is the only initialisation measured."
    ahead: dict[tuple[str, str], list[dict]] = {}
    for row in apart.sort("n_labels").iter_rows(named=True):
        if better(row):
            ahead.setdefault((row[INITIALISATION], row["against"]), []).append(row)
    if not ahead:
        return f"No difference between {_and(names)} is shown{_could_show(apart)}."
    first = sorted(ahead.items(), key=lambda pair: (-len(pair[1]), -abs(pair[1][0]["mean"]), pair[0]))
    said = "; ".join(_ahead(*pair, rows) for pair, rows in first[:MOST_SAID])
    more = len(first) - MOST_SAID
    rest = (
        "No other difference is shown" if more <= 0 else f"{more} more {'pair is' if more == 1 else 'pairs are'} apart"
    )
    return f"{_start(said)}. {rest}."


def _ahead(name: str, other: str, rows: Sequence[dict]) -> str:
    """One sentence a pair: at which sizes, and by how much at the fewest labels of these."""
    first = rows[0]
    by = f"by {abs(first['mean']):.3f} ({_span(first['family_low'], first['family_high'])})"
    if len(rows) == 1:
        return f"with {first['n_labels']:.0f} labels, {name} is better than {other} {by}"
    counts = _and([f"{row['n_labels']:.0f}" for row in rows])
    return f"with {counts} labels, {name} is better than {other}, with the fewest {by}"


def _could_show(apart: pl.DataFrame) -> str:
    known = apart.filter(pl.col("detectable").is_not_null())
    if known.is_empty():
        return "; no two of them have two draws in common, so none could be"
    every = known["detectable"].to_list()
    least, most = f"{min(every):.2f}", f"{max(every):.2f}"
    return f"; this design could show {least if least == most else f'{least} to {most}, by size and pair'}"


def score(panel: pl.DataFrame, sensitivity: pl.DataFrame) -> str:
    """What it will score, by the best mean at the most and the fewest labels."""
    sizes = _by_size(panel)
    ends = [sizes[-1], sizes[0]] if len(sizes) > 1 else sizes
    return f"{_start('; '.join(_best(rows, sensitivity) for rows in ends))}."


def _best(rows: pl.DataFrame, sensitivity: pl.DataFrame) -> str:
    metric = rows["metric"][0]
    best = rows.sort("mean", descending=metric not in SMALLER_IS_BETTER).row(0, named=True)
    unit = "image" if best["unit"] == "image" else "patient"
    known = "no interval" if best["low"] is None else _span(best["low"], best["high"])
    chance = CHANCE.get(metric)
    none = chance is not None and best["low"] is not None and best["low"] <= chance
    what = f"{_a(metric_words(metric))} per {unit} of {best['mean']:.3f} ({known})"
    said = f"with {_labels(rows)}, {best[INITIALISATION]} has {what}"
    return said + (", which is not shown to be better than chance" if none else _found(best, sensitivity))


def _found(best: dict, sensitivity: pl.DataFrame) -> str:
    """The sensitivity of the same runs, and at which specificity on validation images."""
    at = {name: best[name] for name in (INITIALISATION, *SIZE_FACTORS)}
    own = sensitivity.filter(*(pl.col(name) == value for name, value in at.items()))
    if own.is_empty():
        return ""
    row = own.row(0, named=True)
    known = "no interval" if row["low"] is None else f"{row['low']:.0%} to {row['high']:.0%} on this test set"
    specificity = float(row["metric"].removeprefix(SENSITIVITY))
    return (
        f", and a sensitivity of {row['mean']:.0%} ({known}) at the threshold with a specificity of {specificity:.0%}"
    )


def _sensitivity(results: Results, panel: pl.DataFrame) -> pl.DataFrame:
    one = panel.row(0, named=True)
    own = [
        p
        for p in results.points
        if p.metric.startswith(SENSITIVITY) and p.unit == one["unit"] and _stands(p, one["task"], one["setting"])
    ]
    return label_efficiency(own)


def labels(saved: Sequence[Saving], wanted: Sequence[Needed]) -> str:
    """How many labels: of each goal, then the savings that are shown."""
    said = [*_goals(wanted), *map(_saved, saved)]
    if not said:
        return "No saving of labels is shown."
    return f"{'; '.join(said)}." + ("" if saved else " No saving of labels is shown.")


def _goals(wanted: Sequence[Needed]) -> Iterator[str]:
    for goal in dict.fromkeys(each.goal for each in wanted):
        least = "at most" if goal.metric in SMALLER_IS_BETTER else "at least"
        own = [each for each in wanted if each.goal == goal]
        answered = ", ".join(f"{each.initialisation} {each.words}{_patients(each)}" for each in own)
        yield f"For {_a(metric_words(goal.metric))} of {least} {goal.score:g}, labels needed: {answered}"


def _patients(each: Needed) -> str:
    ends = [f"{end:.0f}" for end in each.patients if end is not None]
    return f" ({' to '.join(ends)} patients)" if ends else ""


def _saved(s: Saving) -> str:
    first = f"{s.curves.labels[0]:.0f}"
    span = f"{s.needed.low:.0f} to {s.most:.0f}" if s.needed.low else f"at most {s.most:.0f}"
    if s.needed.empty:
        span = f"fewer than {first}, the fewest tried"
    return (
        f"{s.initialisation} reaches what {s.other} does with {s.labels:.0f} labels with {span}, from at most "
        f"{s.curves.patients_at(s.most):.0f} instead of {s.curves.patients_at(s.labels):.0f} patients"
    )


def _by_size(panel: pl.DataFrame) -> list[pl.DataFrame]:
    sizes = panel.group_by(SIZE_FACTORS).agg(pl.col("n_labels").median()).sort("n_labels", *SIZE_FACTORS)
    return [panel.filter(size_kind=s["size_kind"], size_value=s["size_value"]) for s in sizes.iter_rows(named=True)]


def _labels(rows: pl.DataFrame) -> str:
    images, patients = (np.median(rows[column]) for column in ("n_labels", "n_patients"))
    return f"{patients:.0f} labelled patients ({images:.0f} images)"


def _start(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiouAEIOU" else f"a {noun}"


def _span(low: float, high: float) -> str:
    low, high = sorted((abs(low), abs(high))) if low * high > 0 else (low, high)
    return f"{low:.3f} to {high:.3f}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
