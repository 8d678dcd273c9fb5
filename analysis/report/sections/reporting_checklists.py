"""Reporting checklists, filled in as far as the study and the ledger know."""

from analysis.report import html
from analysis.report.checklists import CHECKLISTS, Checklist, Item
from analysis.report.html import Raw
from analysis.report.results import Results

title = "Reporting checklists"

WHAT_IS_FILLED_IN = (
    "Items in our own words, under the numbers of the checklists, whose own text counts. What is marked is for the "
    "authors to fill in: {left} of {count} items of {name} ask for something that no ledger knows. {reference}."
)
BLANK = "to be filled in by the authors"


def render(results: Results) -> Raw:
    """Nothing before a final run."""
    if results.scores.is_empty():
        return Raw("")
    return Raw("".join(_folded(results, each) for each in CHECKLISTS))


def _folded(results: Results, checklist: Checklist) -> Raw:
    rows = [[item.number, item.asks, *_answer(results, item)] for item in checklist.items]
    left = sum(bool(row[3]) for row in rows)
    note = WHAT_IS_FILLED_IN.format(left=left, count=len(rows), name=checklist.name, reference=checklist.reference)
    table = results.table(
        f"checklist {checklist.name}", ["item", "asks for", "this study", "for the authors"], rows, numbers=set(),
        caption=checklist.name,
    )  # fmt: skip
    return html.tag("details", html.tag("summary", checklist.name), html.paragraph(note, class_="note"), table)


def _answer(results: Results, item: Item) -> tuple[Raw, Raw]:
    """What is known, and what is left to the authors."""
    known = [html.text(words) for sentence in item.known if (words := sentence(results))]
    if item.section:
        known.append(Raw(f"See {html.tag('a', item.section, href='#' + html.anchor(item.section))}."))
    asked = item.authors
    if asked is None and not known:
        asked = ""
    if asked is None:
        return Raw(" ".join(known)), Raw("")
    return Raw(" ".join(known)), html.tag("span", f"{BLANK}: {asked}" if asked else BLANK, class_="blank")
