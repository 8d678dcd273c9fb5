"""Every pair of initialisations that is apart at some size, and every saving of labels: what the answers sum up."""

from analysis.report import html
from analysis.report.cells import Notes
from analysis.report.claims_text import where
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.differences import better
from analysis.statistics.savings import Saving, savings
from analysis.words import metric_words, with_setting

title = "Differences and savings that are shown"

WHAT_IS_SHOWN = (
    "Pairs whose interval leaves out zero; the intervals hold together for all pairs, sizes and settings of a task "
    "(95 %), and what is not in the table is not shown."
)
WHAT_A_SAVING_IS = (
    "Of each pair at the most labels at which it is apart: all label counts at which the better one may have the level "
    "that the other has with more. Counts are told between the fewest and the most labels that were tried."
)


def render(results: Results) -> Raw:
    """Nothing where nothing is apart."""
    return Raw(_pairs(results) + _savings(results))


def _pairs(results: Results) -> Raw:
    notes = Notes()
    rows = [
        [f"{r['task']}, {r['setting']}", r["initialisation"], r["against"], f"{r['n_patients']:.0f}",
         f"{r['n_labels']:.0f}", f"{r['mean']:+.3f}",
         Raw(html.text(f"{r['family_low']:+.3f} to {r['family_high']:+.3f}") + notes.mark(f"target: {r['target']}"))]
        for r in with_setting(results.differences).iter_rows(named=True) if better(r)
    ]  # fmt: skip
    if not rows:
        return Raw("")
    header = ["panel", "better", "than", "patients", "images", f"difference in {metric_words(results.metric)}",
              "simultaneous 95 % interval"]  # fmt: skip
    caption = "Pairs that are apart"
    table = results.table("pairs_apart", header, rows, numbers={3, 4, 5, 6}, group=0, caption=caption, notes=notes)
    return Raw(table + html.paragraph(WHAT_IS_SHOWN, class_="note"))


def _savings(results: Results) -> Raw:
    rows = [_saving(each) for each in savings(results.points, results.differences)]
    if not rows:
        return Raw("")
    header = ["panel", "initialisation", "needs images", "needs patients", "instead of", "its images", "its patients"]
    table = results.table("savings", header, rows, numbers={2, 3, 5, 6}, group=0, caption="Labels saved")
    return Raw(table + html.paragraph(WHAT_A_SAVING_IS, class_="note"))


def _saving(s: Saving) -> list[str]:
    least = s.needed.low or float(s.curves.labels[0])
    few = "" if s.needed.low else "at most "
    most = f"{few}{s.most:.0f}" if few or least == s.most else f"{least:.0f} to {s.most:.0f}"
    patients = [s.curves.patients_at(n) for n in (least, s.most)]
    counted = f"at most {patients[1]:.0f}" if few else f"{patients[0]:.0f} to {patients[1]:.0f}"
    return [where(s.curves.placed), s.initialisation, most, counted, s.other, f"{s.labels:.0f}",
            f"{s.curves.patients_at(s.labels):.0f}"]  # fmt: skip
