"""The study's answer to its three questions, each sentence no stronger than its intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from analysis.report import html
from analysis.report.figures.learning_curves import initialisations, learning_curves, shown
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.report.sections.pretraining_runs import warnings
from analysis.statistics.differences import better
from analysis.statistics.goals import Needed, needed
from analysis.statistics.label_efficiency import label_efficiency
from analysis.statistics.point import ENCODERS_FOR_A_METHOD
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
    "Better is said where the interval of a paired difference leaves out zero, for all pairs, sizes and settings of a "
    "task together (95 %). With fewer than three pre-training runs a method, a verdict is about the encoders trained "
    "here, not about the method: {encoders}. The best mean of several is selected, and so a little too good. Numbers "
    "of labels hold between the fewest and the most that were tried."
)
IN_SHORT = "Each task in short; the best mean of several is selected, and so a little too good"
SENSITIVITY = "sensitivity_at_specificity_"
MOST_SAID = 2
"""Pairs, and savings, in a sentence; the tables have all."""
MANY = 2
"""With more tasks than these a table sums the answers up."""


@dataclass(frozen=True)
class Answer:
    """The three sentences about a task in one setting. rows: how many scores it rests on. warned: what the
    runs of the encoders that it speaks well of warn of."""

    task: str
    setting: str
    which: str
    score: str
    labels: str
    rows: int
    warned: Sequence[str] = ()


def render(results: Results) -> Raw:
    found = answers(results)
    if not found:
        return html.paragraph(NOTHING, class_="warn")
    main = {answer.task: answer for answer in sorted(found, key=lambda answer: answer.rows)}
    first = [answer for answer in found if main[answer.task] is answer]
    others = [answer for answer in found if main[answer.task] is not answer]
    many = len(first) > MANY
    boxes = html.tag("div", *map(box, first), class_="answers many" if many else "answers")
    drawn = learning_curves(results.scores, metric=results.metric)
    return Raw(
        (_overview(results, first) if many else "")
        + (html.tag("details", html.tag("summary", "Each task in full"), boxes) if many else boxes)
        + (html.tag("details", html.tag("summary", _named(others)), *map(box, others)) if others else "")
        + html.paragraph(CAVEAT.format(encoders=_encoders(results.scores)), class_="note")
        + results.figure("learning_curves", drawn, HOW_TO_READ, controls(results.scores))
    )


def _overview(results: Results, first: Sequence[Answer]) -> Raw:
    """A row a task, of what each of its sentences begins with, and the warnings once."""
    rows = [
        [f"{answer.task}, {answer.setting}", _start_of(answer.which), _start_of(answer.score),
         answer.labels.split(". ")[0]]
        for answer in first
    ]  # fmt: skip
    warned = dict.fromkeys(line for answer in first for line in answer.warned)
    header = ["task and setting", "which one", "what it scores", "how many labels"]
    table = results.table("answers", header, rows, numbers=set(), caption=IN_SHORT)
    return Raw(table + "".join(html.paragraph(f"Warning: {line}.", class_="warn") for line in warned))


def _start_of(sentences: str) -> str:
    return sentences.split("; ")[0].split(". ")[0]


def _named(others: Sequence[Answer]) -> str:
    """What the other settings are called, as far as they fit into a line."""
    names = [f"{answer.task}, {answer.setting}" for answer in others]
    return f"Other settings: {'; '.join(names[:4])}{' and more' if len(names) > 4 else ''}"


def box(answer: Answer, head: str | None = None) -> Raw:
    """The three sentences under a heading."""
    said = (("Which one", answer.which), ("What it scores", answer.score), ("How many labels", answer.labels))
    rows = [part for question, words in said for part in (html.tag("dt", question), html.tag("dd", words))]
    warned = [html.paragraph(f"Warning: {line}.", class_="warn") for line in answer.warned]
    return html.tag(
        "div",
        html.tag("h3", head or f"{answer.task}, {answer.setting}"),
        html.tag("dl", *rows),
        *warned,
        class_="answer",
    )


def controls(scores: pl.DataFrame) -> Raw:
    """What can be set of the learning curves of these scores."""
    names = initialisations(scores)
    return html.controls(
        html.choices("Show", "checkbox", [(shown(name), name, name, True) for name in names]),
        html.choices("Axis", "radio", [("axis", "log", "logarithmic", True), ("axis", "linear", "linear", False)]),
        html.choices("Count", "radio", [("unit", "labels", "images", True), ("unit", "patients", "patients", False)]),
    )


def _encoders(scores: pl.DataFrame) -> str:
    counts = dict(scores.group_by(INITIALISATION).agg(pl.col("n_encoders").max()).sort(INITIALISATION).iter_rows())
    counts.pop("scratch", None)
    return ", ".join(f"{name} has {count}" for name, count in counts.items()) or "none was pre-trained"


def answers(results: Results) -> list[Answer]:
    """For each task x setting of the report's metric."""
    found = []
    table, apart = with_setting(results.scores), with_setting(results.differences)
    saved = savings(results.points, results.differences)
    wanted = [each for goal in results.goals for each in needed(results.points_of(goal.metric), goal)]
    warned = warnings(results.tables.pretraining)
    for (task, where), panel in table.group_by(["task", "setting"], maintain_order=True):
        own = apart.filter(task=task, setting=where)
        savings_here = [s for s in saved if _stands(s.curves.placed, task, where)]
        wanted_here = [n for n in wanted if _stands(n.placed, task, where)]
        named = _spoken_of(panel, own)
        found.append(Answer(
            str(task), str(where), which(panel, own), score(panel, _sensitivity(results, panel)),
            labels(savings_here, wanted_here), len(panel),
            [line for (name, _), line in warned.items() if name in named],
        ))  # fmt: skip
    return found


def _spoken_of(panel: pl.DataFrame, apart: pl.DataFrame) -> set[str]:
    """The initialisations that an answer may name as good."""
    ahead = {row[INITIALISATION] for row in apart.iter_rows(named=True) if better(row)}
    return ahead | {_best_of(rows)[INITIALISATION] for rows in _by_size(panel)}


def _stands(placed: Placed, task: object, where: object) -> bool:
    return placed.factors["task"] == task and setting({**placed.factors, "test_set": placed.test_set}) == where


def which(panel: pl.DataFrame, apart: pl.DataFrame) -> str:
    """Which pre-training: who is better than whom, or what the design could have shown."""
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
    said = "; ".join(_ahead(*pair, rows, len(_by_size(apart))) for pair, rows in first[:MOST_SAID])
    more = len(first) - MOST_SAID
    rest = "No other difference is shown" if more <= 0 else f"{more} more {'is' if more == 1 else 'are'} shown below"
    return f"{said}. {rest}.{_of_encoders(panel)}"


def _ahead(name: str, other: str, rows: Sequence[dict], sizes: int) -> str:
    """One sentence a pair: at how many sizes, and by how much at the fewest labels of these."""
    first = rows[0]
    at = f" at {len(rows)} of {sizes} sizes" if sizes > 1 else ""
    span = _span(first["family_low"], first["family_high"])
    return f"{name} is better than {other}{at}, by {abs(first['mean']):.2f} ({span}) with {_count(first)}"


def _of_encoders(panel: pl.DataFrame) -> str:
    """A verdict on fewer than three encoders a method is none on methods."""
    counts = panel.filter(pl.col(INITIALISATION) != "scratch")["n_encoders"].to_list()
    few = min(counts, default=ENCODERS_FOR_A_METHOD) < ENCODERS_FOR_A_METHOD
    return " Said of the encoders trained here, not of methods." if few else ""


def _could_show(apart: pl.DataFrame) -> str:
    known = apart.filter(pl.col("detectable").is_not_null())
    if known.is_empty():
        return "; no two of them have two draws in common, so none could be"
    every = known["detectable"].to_list()
    least, most = f"{min(every):.2f}", f"{max(every):.2f}"
    return f"; this design could show {least if least == most else f'{least} to {most}, by size and pair'}"


def score(panel: pl.DataFrame, sensitivity: pl.DataFrame) -> str:
    """What it will score, by the best mean at the most and the fewest labels, and what the intervals are for."""
    sizes = _by_size(panel)
    ends = [sizes[-1], sizes[0]] if len(sizes) > 1 else sizes
    found = [(best, _sensitivity_of(best, sensitivity)) for best in map(_best_of, ends)]
    parts = [_scored(best, own, first=not k) for k, (best, own) in enumerate(found)]
    several = panel[INITIALISATION].n_unique()
    selected = f" The best of {several} is selected, and so a little too good." if several > 1 else ""
    return f"{_start('; '.join(parts))}.{_for_whom(found)}{selected}"


def _best_of(rows: pl.DataFrame) -> dict:
    return rows.sort("mean", descending=rows["metric"][0] not in SMALLER_IS_BETTER).row(0, named=True)


def _scored(best: dict, sensitivity: dict | None, *, first: bool) -> str:
    """A mean with its interval, and the sensitivity of the same runs."""
    unit = "image" if best["unit"] == "image" else "patient"
    known = "no interval" if best["low"] is None else _span(best["low"], best["high"])
    chance = CHANCE.get(best["metric"])
    none = chance is not None and best["low"] is not None and best["low"] <= chance
    what = f"{_a(metric_words(best['metric']))} per {unit}" if first else "one"
    said = f"with {_count(best)}, {best[INITIALISATION]} has {what} of {best['mean']:.2f} ({known})"
    if none:
        return f"{said}, not shown to be better than chance"
    if sensitivity is None:
        return said
    low, high = sensitivity["low"], sensitivity["high"]
    known = "no interval" if low is None else f"{low:.0%} to {high:.0%}"
    specificity = float(sensitivity["metric"].removeprefix(SENSITIVITY))
    where = f" at a specificity of {specificity:.0%} on validation" if first else ""
    return f"{said} and a sensitivity of {sensitivity['mean']:.0%} ({known}){where}"


def _for_whom(found: Sequence[tuple[dict, dict | None]]) -> str:
    """What the intervals that were told speak of."""
    targets = list(dict.fromkeys(_target(best) for best, _ in found if best["low"] is not None))
    others = list(dict.fromkeys(_target(own) for _, own in found if own and own["low"] is not None))
    if not targets:
        return ""
    beside = f"; of sensitivity, for {' and '.join(others)}" if others and others != targets else ""
    return f" Intervals are for {'; with the fewest, for '.join(targets)}{beside}."


def _target(row: dict) -> str:
    """What an interval speaks of; at the full size all draws are one training set."""
    head, fixed, _ = str(row["target"]).partition(";")
    return f"{head}, this training set" if fixed else head


def _sensitivity_of(best: dict, sensitivity: pl.DataFrame) -> dict | None:
    """The sensitivity of the same runs."""
    at = {name: best[name] for name in (INITIALISATION, *SIZE_FACTORS)}
    own = sensitivity.filter(*(pl.col(name) == value for name, value in at.items()))
    return None if own.is_empty() else own.row(0, named=True)


def _sensitivity(results: Results, panel: pl.DataFrame) -> pl.DataFrame:
    one = panel.row(0, named=True)
    own = [
        p
        for p in results.points
        if p.metric.startswith(SENSITIVITY) and p.unit == one["unit"] and _stands(p, one["task"], one["setting"])
    ]
    return label_efficiency(own)


def labels(saved: Sequence[Saving], wanted: Sequence[Needed]) -> str:
    """How many labels: of each goal, then the savings that are shown, the largest first."""
    said = list(_goals(wanted))
    largest = sorted(saved, key=lambda s: (s.most / s.labels, s.initialisation, s.other))
    said += map(_saved, largest[:MOST_SAID])
    if len(saved) > MOST_SAID:
        said.append(f"{len(saved) - MOST_SAID} more {'is' if len(saved) - MOST_SAID == 1 else 'are'} shown below")
    if not saved:
        said.append("No saving of labels is shown")
    return ". ".join(said) + "."


def _goals(wanted: Sequence[Needed]) -> Iterator[str]:
    for goal in dict.fromkeys(each.goal for each in wanted):
        least = "at most" if goal.metric in SMALLER_IS_BETTER else "at least"
        own = [each for each in wanted if each.goal == goal]
        answered = "; ".join(f"{each.initialisation} {each.words} images{_patients(each)}" for each in own)
        yield f"For {_a(metric_words(goal.metric))} of {least} {goal.score:g}: {answered}"


def _patients(each: Needed) -> str:
    ends = [f"{end:.0f}" for end in each.patients if end is not None]
    return f" ({' to '.join(ends)} patients)" if ends else ""


def _saved(s: Saving) -> str:
    patients = s.curves.patients_at(s.most), s.curves.patients_at(s.labels)
    bound, tried = ("fewer than", ", the fewest tried") if s.needed.empty else ("at most", "")
    return (
        f"{s.initialisation} needs {bound} {patients[0]:.0f} patients ({s.most:.0f} images{tried}) for what {s.other} "
        f"does with {patients[1]:.0f} ({s.labels:.0f})"
    )


def _by_size(panel: pl.DataFrame) -> list[pl.DataFrame]:
    sizes = panel.group_by(SIZE_FACTORS).agg(pl.col("n_labels").median()).sort("n_labels", *SIZE_FACTORS)
    return [panel.filter(size_kind=s["size_kind"], size_value=s["size_value"]) for s in sizes.iter_rows(named=True)]


def _count(row: dict) -> str:
    return f"{row['n_patients']:.0f} patients ({row['n_labels']:.0f} images)"


def _start(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiouAEIOU" else f"a {noun}"


def _span(low: float, high: float) -> str:
    low, high = sorted((abs(low), abs(high))) if low * high > 0 else (low, high)
    return f"{low:.2f} to {high:.2f}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
