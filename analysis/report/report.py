"""The report of a study: one HTML file that needs nothing else, its figures and tables as files beside it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from analysis.report import html
from analysis.report.figures import style
from analysis.report.results import Results
from analysis.report.saved import save
from analysis.report.sections import (
    answer,
    area_under_curve,
    claims,
    environment,
    goals,
    methods_in_prose,
    missing_results,
    own_queries,
    paired_differences,
    pretraining_runs,
    ranks,
    reporting_checklists,
    resolved_study,
    scores_by_labels,
    search_findings,
    shown_differences,
    trained_long_enough,
)
from analysis.statistics.claims import Claim
from analysis.statistics.goals import Goal
from analysis.statistics.search_audit import Spaces
from analysis.tables import StudyTables, load, missing

if TYPE_CHECKING:
    from study.storage import Storage

SECTIONS: list[ModuleType] = [
    answer,
    scores_by_labels,
    shown_differences,
    area_under_curve,
    paired_differences,
    ranks,
    goals,
    claims,
    trained_long_enough,
    pretraining_runs,
    missing_results,
    search_findings,
    methods_in_prose,
    reporting_checklists,
    resolved_study,
    environment,
    own_queries,
]
"""In the order of the page: each has a ``title``, and a ``render`` that gives HTML of `Results`, empty for none."""

QUESTION = (
    "Which pre-training pays off when labels are scarce, what will it score, and how many labels does a score need?"
)


def write_report(
    root: str | Path | Storage,
    *,
    spec: dict,
    planned: list[dict],
    spaces: Spaces | None = None,
    metric: str = "auc",
    against: str = "scratch",
) -> str:
    """Write report.html into the study's folder, its figures (SVG, PNG), its tables (CSV, LaTeX) and
    figures/label_efficiency.csv, the whole of that table; returns the page.

    root: the study's folder, a path or an fsspec URL. spec: the resolved study, whose `goals` are looked for and whose
    `claims` are examined (`post_hoc` beside those made after a test set was opened). planned: the factors of every
    planned cell. spaces: what each adaptation searched. An unfinished study gives a page that says so.
    Raises study.ledger.Damaged where a table cannot be read.
    """
    from study.storage import Storage

    storage = Storage.at(root)
    return render(load(storage), storage, spec=spec, planned=planned, spaces=spaces, metric=metric, against=against)


def render(
    study: StudyTables,
    storage: Storage,
    *,
    spec: dict,
    planned: list[dict],
    spaces: Spaces | None = None,
    metric: str,
    against: str,
) -> str:
    """`write_report` on frames that are loaded already."""
    asked = [Claim.of(claim) for claim in spec.get("claims", [])], [Goal.of(goal) for goal in spec.get("goals", [])]
    results = Results(study, storage.root, spec, planned, spaces or {}, metric, against, *asked)
    sections = [_section(module, results) for module in SECTIONS]
    title = str(spec.get("name") or storage.root.rpartition("/")[2])
    page = html.page(
        title,
        html.tag("header", html.paragraph("Labelcurve study", class_="eyebrow"), html.tag("h1", title),
                 html.paragraph(QUESTION, class_="lead")),
        _unfinished(study, planned),
        *(section for _, section in sections),
        links=[(html.anchor(heading), heading) for heading, section in sections if section],
        script=style.javascript() if results.figures else "",
    )  # fmt: skip
    storage.write_atomic("figures/label_efficiency.csv", results.everything.write_csv().encode())
    save(results, storage)
    storage.write_atomic("report.html", page.encode())
    return storage.full("report.html")


def _section(module: ModuleType, results: Results) -> tuple[str, html.Raw]:
    """Its heading, and the whole of it; empty where it has nothing to say."""
    inside, heading = module.render(results), module.title.format(against=results.against)
    at = html.anchor(heading)
    if not inside:
        return heading, html.Raw("")
    return heading, html.tag("section", html.tag("h2", heading, id=at), inside, aria_labelledby=at)


def _unfinished(study: StudyTables, planned: list[dict]) -> html.Raw:
    absent = len(missing(study.finals, planned))
    if not absent:
        return html.Raw("")
    line = f"This study is unfinished: {absent} of {len(planned)} planned cells have no final run yet."
    return html.paragraph(line, class_="warn")
