"""How many labels and patients the wanted scores need."""

from analysis.report import html
from analysis.report.claims_text import goal_words, patient_words, where
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.goals import Needed, needed

title = "Labels for a score"

HOW_TO_READ = (
    "The label counts at which the 95 % interval of the curve holds the score: a set that has no end where the data "
    "cannot tell. Nothing is said beyond the fewest and the most labels that were tried."
)


def render(results: Results) -> Raw:
    """Nothing where no goal was named."""
    found = [each for goal in results.goals for each in needed(results.points_of(goal.metric), goal)]
    if not found:
        return Raw("")
    header = ["score", "task and setting", "initialisation", "labels", "patients", "where the means meet", "target"]
    rows = [
        [
            goal_words(each.goal),
            where(each.placed),
            each.initialisation,
            each.words,
            patient_words(each),
            _best(each),
            each.target or "",
        ]
        for each in found
    ]
    caption = "Labels and patients that each score needs"
    return Raw(
        results.table("goals", header, rows, numbers={5}, group=0, caption=caption)
        + html.paragraph(HOW_TO_READ, class_="note")
    )


def _best(each: Needed) -> str:
    return "-" if each.labels is None or each.labels.best is None else f"{each.labels.best:.0f}"
