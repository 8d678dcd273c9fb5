"""The study's answer in sentences, each no stronger than its intervals."""

from collections.abc import Sequence

import polars as pl

from analysis.report import html
from analysis.report.figures.learning_curves import learning_curves
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.words import metric_words, with_setting
from study.vocabulary import SIZE_FACTORS, SMALLER_IS_BETTER

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
    "Separated: the 95 % interval of the paired difference, for new patients, leaves out zero; comparisons are taken "
    "one by one, without a correction for their number. With fewer than three pre-training runs a method, a verdict is "
    "about the encoders trained here, not about the method."
)


def render(results: Results) -> Raw:
    drawn = None if results.scores.is_empty() else learning_curves(results.scores, metric=results.metric)
    return Raw(
        _boxes(answers(results.scores, results.differences, metric=results.metric))
        + html.paragraph(ANSWER_CAVEAT, class_="note")
        + results.figure("learning_curves", drawn, HOW_TO_READ)
    )


def _boxes(found: list[tuple[str, list[str]]]) -> Raw:
    if not found:
        return html.paragraph(NOTHING, class_="warn")
    boxes = (html.tag("div", html.tag("h3", head), html.bullets(lines), class_="answer") for head, lines in found)
    return Raw("".join(boxes))


def answers(table: pl.DataFrame, apart: pl.DataFrame, *, metric: str = "auc") -> list[tuple[str, list[str]]]:
    """(heading, sentences) for each task x setting of a label-efficiency table.

    `apart` holds `differences` against every initialisation. At a size the best is separated where its paired interval
    against each of the others leaves out zero; otherwise the sentence says "not separated".
    """
    found = []
    table, apart = with_setting(table.filter(pl.col("metric") == metric)), with_setting(apart)
    for (task, setting), panel in table.group_by(["task", "setting"], maintain_order=True):
        own = apart.filter(task=task, setting=setting)
        sentences = [_at_size(rows, own, metric) for rows in _by_size(panel)]
        found.append((f"{task}, {setting}", sentences))
    return found


def _by_size(panel: pl.DataFrame) -> list[pl.DataFrame]:
    sizes = panel.group_by(SIZE_FACTORS).agg(pl.col("n_labels").median()).sort("n_labels", *SIZE_FACTORS)
    return [panel.filter(size_kind=s["size_kind"], size_value=s["size_value"]) for s in sizes.iter_rows(named=True)]


def _at_size(rows: pl.DataFrame, apart: pl.DataFrame, metric: str) -> str:
    rows = rows.sort("mean", descending=metric not in SMALLER_IS_BETTER)
    best = rows.row(0, named=True)
    start = f"With {best['n_labels']:.0f} labels"
    score = f"{metric_words(metric)} {best['mean']:.3f}{_interval(best)}"
    if len(rows) == 1:
        return f"{start}, {best['initialisation']} is the only one measured: {score}."
    against = apart.filter(
        pl.col("size_kind") == best["size_kind"], pl.col("size_value") == best["size_value"],
        pl.col("initialisation") == best["initialisation"],
    )  # fmt: skip
    known = {row["against"]: row for row in against.iter_rows(named=True)}
    open_ = [name for name in rows["initialisation"][1:] if not _separated(known.get(name))]
    sentence = f"{start}, {best['initialisation']} has the best mean ({score})"
    if open_:
        return f"{sentence}, but it is not separated from {_and(open_)}."
    return f"{sentence}, separated from {_and(rows['initialisation'][1:].to_list())}."


def _separated(difference: dict | None) -> bool:
    if difference is None or difference["low"] is None or not difference["target"].startswith("new patients"):
        return False
    return difference["low"] > 0 or difference["high"] < 0


def _interval(row: dict) -> str:
    return "" if row["low"] is None else f", {row['low']:.3f} to {row['high']:.3f}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
