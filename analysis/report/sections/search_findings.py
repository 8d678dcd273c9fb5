"""What the searches themselves show."""

from analysis.report import html
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.search_audit import bounds, pruning

title = "The searches"


def render(results: Results) -> Raw:
    """Nothing where there is nothing to say."""
    lines = [*pruning(results.tables.trials), *bounds(results.tables.finals, results.spaces)]
    return html.bullets(lines) if lines else Raw("")
