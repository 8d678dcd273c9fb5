"""Two studies side by side on one page: answers, curves, scores, and what differs in what was asked of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from analysis.report import html
from analysis.report.cells import Notes, interval, labels
from analysis.report.figures import style
from analysis.report.figures.learning_curves import learning_curves
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.report.saved import save
from analysis.report.sections.answer import answers, box, controls
from analysis.report.shown import Shown
from analysis.statistics.goals import Goal
from analysis.tables import load
from analysis.words import metric_words, with_setting
from study.vocabulary import TASK

if TYPE_CHECKING:
    from study.storage import Storage

PAGE = "compare.html"
WHAT_IS_NOT_SAID = (
    "Nothing is tested between the two studies: their draws, test patients and encoders need not be the same, so that "
    "their scores do not pair. Each answer and each interval is that of its own study."
)
HOW_TO_READ = (
    "A panel a study, with the same heights; points are means, upright lines 95 % intervals, open markers have none."
)
ABSENT = "-"


@dataclass(frozen=True)
class Side:
    """A study with the name that it has on the page."""

    name: str
    results: Results

    @property
    def scores(self) -> pl.DataFrame:
        return with_setting(self.results.scores)


def compare(studies: Sequence[tuple[Storage, Mapping[str, Any]]], to: Storage, *, metric: str = "auc") -> str:
    """Write compare.html, its figures and its tables into a folder; returns the page.

    studies: two, each a study's folder and the resolved study.
    """
    first, second = sides = _sides(studies, metric)
    shown = Shown()
    parts = {
        "The answers": _answers(sides),
        "The curves": _curves(shown, sides, metric),
        "The scores": _scores(shown, sides, metric),
        "What differs in what was asked": _differences(shown, sides),
    }
    title = f"{first.name} and {second.name}"
    page = html.page(
        title,
        html.tag("header", html.paragraph("Two Labelcurve studies", class_="eyebrow"), html.tag("h1", title),
                 html.paragraph(WHAT_IS_NOT_SAID, class_="lead")),
        *(_section(heading, inside) for heading, inside in parts.items()),
        links=[(html.anchor(heading), heading) for heading in parts],
        script=style.javascript() if shown.figures else "",
    )  # fmt: skip
    save(shown, to)
    to.write_atomic(PAGE, page.encode())
    return to.full(PAGE)


def _sides(studies: Sequence[tuple[Storage, Mapping[str, Any]]], metric: str) -> tuple[Side, Side]:
    """Studies of one name are told apart by their folders, or else by their order."""
    names = [str(spec.get("name") or storage.root.rpartition("/")[2]) for storage, spec in studies]
    if names[0] == names[1]:
        above = [storage.root.rstrip("/").split("/")[-2:-1] for storage, _ in studies]
        marks = ["first", "second"] if above[0] == above[1] else ["".join(each) for each in above]
        names = [f"{name} ({mark})" for name, mark in zip(names, marks, strict=True)]
    first, second = (
        Side(name, Results(load(storage), storage.root, spec, [], {}, metric, "scratch",
                           goals=[Goal.of(goal) for goal in spec.get("goals", [])]))
        for name, (storage, spec) in zip(names, studies, strict=True)
    )  # fmt: skip
    return first, second


def _section(heading: str, inside: Raw) -> Raw:
    at = html.anchor(heading)
    return html.tag("section", html.tag("h2", heading, id=at), inside, aria_labelledby=at)


def _tasks(sides: Sequence[Side]) -> list[str]:
    """Those that both have scores of, in the order of the first."""
    first, second = (side.scores[TASK].unique(maintain_order=True).to_list() for side in sides)
    return [task for task in first if task in second]


def _answers(sides: Sequence[Side]) -> Raw:
    """A row a task and setting, the first study's answer on the left; tasks that one lacks stand last."""
    found = {(a.task, a.setting, side.name): a for side in sides for a in answers(side.results)}
    shared = _tasks(sides)
    places = sorted({(task, where) for task, where, _ in found}, key=lambda at: (at[0] not in shared, at))
    boxes = [
        box(found[task, where, side.name], f"{side.name}: {task}, {where}")
        if (task, where, side.name) in found
        else html.tag(
            "div", html.tag("h3", f"{side.name}: {task}, {where}"), html.paragraph("No scores."), class_="answer"
        )
        for task, where in places
        for side in sides
    ]
    if not boxes:
        return html.paragraph("Neither study has a completed final run yet.", class_="warn")
    return html.tag("div", *boxes, class_="answers many pairs")


def _curves(shown: Shown, sides: Sequence[Side], metric: str) -> Raw:
    """A figure a task that both have, with a panel a study in each of its settings."""
    figures = []
    for task in _tasks(sides):
        own = [
            side.scores.filter(pl.col(TASK) == task).with_columns(setting=pl.col("setting") + f", {side.name}")
            for side in sides
        ]
        table = pl.concat(own)
        name = re.sub(r"[^a-z0-9]+", "_", f"learning curves {task}".lower()).strip("_")
        drawn = learning_curves(table, metric=metric)
        figures.append(shown.figure(name, drawn, f"{task}. {HOW_TO_READ}", controls(table)))
    return Raw("".join(figures)) if figures else html.paragraph("The two studies have scores of no task in common.")


def _scores(shown: Shown, sides: Sequence[Side], metric: str) -> Raw:
    notes = Notes()
    rows = [
        [f"{r['task']}, {r['setting']}", side.name, r["initialisation"], labels(r), f"{r['n_patients']:.0f}",
         f"{r['mean']:.3f}", interval(r, notes)]
        for side in sides for r in side.scores.iter_rows(named=True)
    ]  # fmt: skip
    if not rows:
        return html.paragraph("There are no scores.")
    rows.sort(key=lambda row: str(row[0]))
    header = ["panel", "study", "initialisation", "images", "patients", metric_words(metric), "95 % interval"]
    caption = "Scores of both studies"
    return shown.table("scores", header, rows, numbers={3, 4, 5, 6}, group=0, caption=caption, notes=notes)


def _differences(shown: Shown, sides: Sequence[Side]) -> Raw:
    first, second = (dict(_leaves(side.results.spec)) for side in sides)
    rows = [
        [key, first.get(key, ABSENT), second.get(key, ABSENT)]
        for key in [*first, *(key for key in second if key not in first)]
        if first.get(key, ABSENT) != second.get(key, ABSENT)
    ]
    if not rows:
        return html.paragraph("The two resolved studies are the same.")
    header = ["key", *(side.name for side in sides)]
    return shown.table("settings", header, rows, numbers=set(), caption="Settings of the resolved studies that differ")


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """The settings of a study by their dotted keys; lists are values."""
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _leaves(each, f"{at}.{key}".lstrip("."))
    else:
        yield at, json.dumps(value, default=str)
