"""The methods as text for a paper."""

from analysis.report import html
from analysis.report.html import Raw
from analysis.report.methods_text import PARAGRAPHS
from analysis.report.results import Results

title = "Methods, in prose"

WHERE_IT_COMES_FROM = (
    "Written from the resolved study and the ledger, to be checked, shortened and completed by the authors. Every "
    "value that was set stands under Settings."
)


def render(results: Results) -> Raw:
    """A paragraph a subject, of the sentences that something is known for; nothing before a final run."""
    if results.scores.is_empty():
        return Raw("")
    parts = [html.paragraph(WHERE_IT_COMES_FROM, class_="note")]
    for heading, sentences in PARAGRAPHS.items():
        said = " ".join(filter(None, (sentence(results) for sentence in sentences)))
        parts += [html.paragraph(html.tag("strong", f"{heading}."), f" {said}")] if said else []
    return Raw("".join(parts))
