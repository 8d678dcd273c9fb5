"""The report of a study: one HTML file that needs nothing else, its figures as PNG and its table as CSV."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from matplotlib.figure import Figure

from analysis.report.sections.answer import answers
from analysis.statistics import pretraining_gain, search_audit
from analysis.statistics.convergence import TOLERANCE, chosen_curves, levelled
from analysis.statistics.label_efficiency import METRICS, SMALLER_IS_BETTER, differences, label_efficiency
from analysis.statistics.noninferiority import Claim, examine
from analysis.statistics.search_audit import Spaces
from analysis.tables import StudyTables, load, missing

from . import html
from .figures import label_efficiency_curves, pretraining_gain_bars
from .sections import pretraining_pictures, sections

if TYPE_CHECKING:
    from study.storage import Storage

QUESTION = (
    "Which pre-training pays off when labels are scarce, what will it score, and how many labels does a score need?"
)
HOW_TO_READ = (
    "Points are means over draws of label subsets, final seeds averaged within a draw; upright lines are 95 % "
    "intervals whose target the table names, and an open marker has none. Initialisations are set apart sideways so "
    "that their intervals can be read; all stand at the size marked below."
)
WHAT_INTERVALS_MEAN = (
    "An interval for new patients joins the variance between draws with that of the test patients (images of one "
    "patient counted together). Draws come from one pool of training patients: where a subset takes most of the pool, "
    "draws overlap and such an interval is too narrow for a new pool. 'One new subset' is where a single new labelled "
    "subset of this pool would score on this test set in 95 % of cases. Intervals are clipped to the metric's range."
)


ANSWER_CAVEAT = (
    "Separated: the 95 % interval of the paired difference, for new patients, leaves out zero; comparisons are taken "
    "one by one, without a correction for their number. With fewer than three pre-training runs a method, a verdict is "
    "about the encoders trained here, not about the method."
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
    """Write report.html, figures/*.png and figures/label_efficiency.csv into the study's folder; returns the page.

    root: the study's folder, a path or an fsspec URL. spec: the resolved study, whose `claims` are examined. planned:
    the factors of every planned cell. spaces: what each adaptation searched. An
    unfinished study gives a page that says so.
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
    everything = label_efficiency(study, metrics=METRICS)
    table = everything.filter(pl.col("metric") == metric)
    inits = table["initialisation"].unique().sort().to_list()
    apart = pl.concat([differences(study, against=name, metric=metric) for name in inits or [against]])
    curves = chosen_curves(study)
    figures = {
        "learning_curves": None if table.is_empty() else label_efficiency_curves.learning_curves(table, metric=metric),
        "training_curves": label_efficiency_curves.training_curves(curves, metric=metric),
        "pretraining": pretraining_gain_bars.pretraining(study.pretraining),
    }
    storage.write_atomic("figures/label_efficiency.csv", everything.write_csv().encode())
    images = {name: _png(figure) for name, figure in figures.items() if figure is not None}
    for name, png in images.items():
        storage.write_atomic(f"figures/{name}.png", png)
    title = str(spec.get("name") or storage.root.rpartition("/")[2])
    page = html.page(
        title,
        html.paragraph("Labelcurve study", class_="eyebrow"),
        html.tag("h1", title),
        html.paragraph(QUESTION, class_="lead"),
        _unfinished(study, planned),
        html.tag("h2", "The answer"),
        sections.answer(answers(table, apart, metric=metric)),
        html.paragraph(ANSWER_CAVEAT, class_="note"),
        _figure(images, "learning_curves", HOW_TO_READ),
        html.tag("h2", "Scores by number of labels"),
        _direction(metric),
        sections.efficiency(table, metric),
        html.paragraph(WHAT_INTERVALS_MEAN, class_="note"),
        html.tag("h2", f"Difference from {against}, on the same draws"),
        sections.paired(apart.filter(pl.col("against") == against), against),
        sections.claims([examine(study, Claim(**claim)) for claim in spec.get("claims") or []]),
        html.tag("h2", "Were the runs trained long enough?"),
        sections.levelled(levelled(curves)),
        html.paragraph(
            f"A cell has levelled where the last fifth of its epochs changes the training loss by less than "
            f"{TOLERANCE:.0%} of its whole fall; the verdict is that of at least half of the cells.", class_="note"
        ),
        _figure(images, "training_curves", "Selected settings: median over cells, and the band of the middle half."),
        html.tag("h2", "Pre-training"),
        pretraining_gain.section(study.pretraining),
        _figure(images, "pretraining", pretraining_gain_bars.CAPTION),
        pretraining_pictures.figures(storage.root),
        html.tag("h2", "What is missing, and how often test sets were opened"),
        html.bullets(sections.gaps(study, planned)),
        search_audit.section(study, spaces or {}),
        html.tag("h2", "Settings"),
        html.tag("details", html.tag("summary", "The resolved study"), sections.settings(spec)),
        html.tag("h2", "Environment"),
        sections.environment(study),
        html.tag("h2", "Ask the tables yourself"),
        sections.queries(storage.root),
    )  # fmt: skip
    storage.write_atomic("report.html", page.encode())
    return storage.full("report.html")


def _unfinished(study: StudyTables, planned: list[dict]) -> html.Raw:
    absent = len(missing(study.finals, planned))
    if not absent:
        return html.Raw("")
    line = f"This study is unfinished: {absent} of {len(planned)} planned cells have no final run yet."
    return html.paragraph(line, class_="warn")


def _direction(metric: str) -> html.Raw:
    return html.paragraph("Smaller is better.", class_="note") if metric in SMALLER_IS_BETTER else html.Raw("")


def _figure(images: dict[str, bytes], name: str, caption: str) -> html.Raw:
    return html.image(images[name], caption, name.replace("_", " ")) if name in images else html.Raw("")


def _png(figure: Figure) -> bytes:
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=160, metadata={"Software": None})
    return held.getvalue()
