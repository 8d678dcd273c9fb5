"""The label-efficiency table: what each initialisation scores at each number of labels."""

from analysis.report import html
from analysis.report.cells import Notes, interval, labels
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.words import metric_words, with_setting
from study.vocabulary import SMALLER_IS_BETTER

title = "Scores by number of labels"

WHAT_INTERVALS_MEAN = (
    "An interval for new patients joins the variance between draws with that of the test patients (images of one "
    "patient counted together) and, of three pre-training runs or more, of the encoder. Draws come from one pool of "
    "training patients and overlap, which is allowed for where the share of the pool is known and at most 80 %; "
    "elsewhere the target names this training pool. 'One new subset' is where one new model of a single new labelled "
    "subset of this pool would score on this test set in 95 % of cases. Intervals are made on the logit scale."
)
NOTHING = "No final run has been completed yet, so there is nothing to compare."


def render(results: Results) -> Raw:
    direction = html.paragraph("Smaller is better.", class_="note") if results.metric in SMALLER_IS_BETTER else ""
    return Raw(direction + _tables(results) + html.paragraph(WHAT_INTERVALS_MEAN, class_="note"))


def _tables(results: Results) -> Raw:
    """A table a task x setting, with what each interval means in notes below."""
    if results.scores.is_empty():
        return html.paragraph(NOTHING)
    header = ["initialisation", "images", "patients", metric_words(results.metric), "95 % interval", "one new subset",
              "draws x seeds", "settings"]  # fmt: skip
    parts = []
    for (task, where), panel in with_setting(results.scores).group_by(["task", "setting"], maintain_order=True):
        notes = Notes()
        rows = [
            [r["initialisation"], labels(r), f"{r['n_patients']:.0f}", f"{r['mean']:.3f}", interval(r, notes),
             _prediction(r, notes), f"{r['n_draws']} x {r['n_seeds']}", _settings(r)]
            for r in panel.iter_rows(named=True)
        ]  # fmt: skip
        parts.append(
            results.table(f"scores {task} {where}", header, rows, numbers={1, 2, 3, 4, 5, 6}, group=0,
                          caption=f"{task}, {where}", notes=notes)
        )  # fmt: skip
    return Raw("".join(parts))


def _prediction(r: dict, notes: Notes) -> Raw:
    if r["pi_low"] is None:
        return Raw("none" + notes.mark(r["pi_reason"]))
    return html.text(f"{r['pi_low']:.3f} to {r['pi_high']:.3f}")


def _settings(r: dict) -> str:
    found = [f"search of {r['search_budget']}"] if r["searched"] else []
    crossed = [f"cross-validated in {r['cross_validated']}"] if r["cross_validated"] else []
    return ", ".join(found + crossed + ([f"defaults in {r['defaults']}"] if r["defaults"] else []))
