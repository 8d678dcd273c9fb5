"""The sections of a report: each takes frames and gives HTML, and says so where there is nothing to show."""

import json
from collections import defaultdict

import polars as pl
import yaml

from analysis.report import html
from analysis.report.figures.label_efficiency_curves import METRIC_NAMES
from analysis.report.html import Raw
from analysis.statistics.noninferiority import BLOCKS, TARGET, Claim, ClaimVerdict
from analysis.tables import FACTORS, StudyTables, compared, missing, openings
from analysis.words import adapted, setting, with_setting

WHAT_A_CLAIM_TAKES = (
    f"Target: {TARGET}. A block is one pretrain_seed: in it the two sides are paired on the same labels and test set, "
    "and the differences, positive where the claimed one is better, are averaged; a claim over several tasks, "
    "adaptations or sizes is about that average and says nothing about each of them. The interval is Student's t over "
    f"blocks, its lower end a one-sided 97.5 % bound. Non-inferior: {BLOCKS} blocks or more, and the bound lies above "
    "minus the margin. Worse: the whole interval lies below it. 'Not shown' is no proof of being worse. The number of "
    "blocks is to be settled beforehand: adding some until a claim is granted grants too many. Claims are taken one by "
    "one, without a correction for their number."
)

NOTHING = (
    "No final run has been completed yet, so there is nothing to compare. "
    "Run the study again: it goes on where it stopped."
)


def answer(found: list[tuple[str, list[str]]]) -> Raw:
    if not found:
        return html.paragraph(NOTHING, class_="warn")
    boxes = (html.tag("div", html.tag("h3", head), html.bullets(lines), class_="answer") for head, lines in found)
    return Raw("".join(boxes))


def efficiency(table: pl.DataFrame, metric: str) -> Raw:
    """The label-efficiency table, a block a task x setting, with what each interval means in notes below."""
    if table.is_empty():
        return html.paragraph(NOTHING)
    header = ["initialisation", "labels", METRIC_NAMES.get(metric, metric), "95 % interval", "one new subset",
              "draws x seeds", "settings"]  # fmt: skip
    parts = []
    for (task, where), panel in with_setting(table).group_by(["task", "setting"], maintain_order=True):
        notes = Notes()
        rows = [
            [r["initialisation"], _labels(r), f"{r['mean']:.3f}", _interval(r, notes), _prediction(r, notes),
             f"{r['n_draws']} x {r['n_seeds']}", _settings(r)]
            for r in panel.iter_rows(named=True)
        ]  # fmt: skip
        parts += [html.tag("h3", f"{task}, {where}")]
        parts += [html.table(header, rows, numbers={1, 2, 3, 4, 5}, group=0), notes.html()]
    return Raw("".join(parts))


def paired(table: pl.DataFrame, against: str) -> Raw:
    """Differences against one initialisation on the same draws."""
    if table.is_empty():
        return html.paragraph(f"No draw has final runs of both {against} and another initialisation yet.")
    notes = Notes()
    rows = [
        [f"{r['task']}, {r['setting']}", r["initialisation"], _labels(r), f"{r['mean']:+.3f}",
         _interval(r, notes, sign="+"), r["n_draws"], _reading(r)]
        for r in with_setting(table).iter_rows(named=True)
    ]  # fmt: skip
    header = ["task", "initialisation", "labels", "difference", "95 % interval", "draws", "reading"]
    return Raw(html.table(header, rows, numbers={2, 3, 4, 5}, group=0) + notes.html())


def claims(findings: list[ClaimVerdict]) -> Raw:
    """The section on the study's claims with its heading; nothing where it makes none."""
    if not findings:
        return Raw("")
    header = ["claim", "blocks", "pairs", "left out", "mean difference", "95 % interval", "verdict"]
    rows = [
        [_claimed(f.claim), f.blocks, _pairs(f), f.incomplete, "-" if f.mean is None else f"{f.mean:+.3f}",
         "none" if f.low is None else f"{f.low:+.3f} to {f.high:+.3f}",
         f"{f.verdict}: {f.reason}" if f.reason else f.verdict]
        for f in findings
    ]  # fmt: skip
    table = html.table(header, rows, numbers={1, 2, 3, 4, 5})
    return Raw(html.tag("h2", "Claims") + table + html.paragraph(WHAT_A_CLAIM_TAKES, class_="note"))


class Notes:
    """Letters in a table and what they stand for."""

    def __init__(self) -> None:
        self.letters: dict[str, str] = {}

    def mark(self, note: str | None) -> Raw:
        if not note:
            return Raw("")
        return html.tag("sup", self.letters.setdefault(note, _letter(len(self.letters))))

    def html(self) -> Raw:
        lines = (Raw(html.tag("sup", letter) + " " + html.text(note)) for note, letter in self.letters.items())
        return html.paragraph(Raw("; ".join(lines) + "."), class_="note") if self.letters else Raw("")


def levelled(table: pl.DataFrame) -> Raw:
    rows = [
        [f"{r['task']}, {r['setting']}", r["cells"], r["epochs"], _percent(r["last_fifth"]),
         _percent(r["share_levelled"]), r["verdict"]]
        for r in table.iter_rows(named=True)
    ]  # fmt: skip
    if not rows:
        return html.paragraph("No training curves of the selected settings are stored.")
    header = ["task", "cells", "epochs", "fall of the loss in the last fifth", "cells levelled", "levelled?"]
    return html.table(header, rows, numbers={1, 2, 3, 4})


def gaps(study: StudyTables, planned: list[dict]) -> list[str]:
    """What the design asked for and the results lack, and how often test sets were opened, as lines."""
    lines, absent = [], missing(study.finals, planned)
    if absent:
        lines.append(f"{len(absent)} of {len(planned)} planned cells have no completed final run:")
        by_place = defaultdict(list)
        for cell in absent:
            place = [cell.get(n) for n in ("initialisation", "size_kind", "size_value")]
            by_place[cell.get("task"), setting(cell), *place].append(cell.get("draw"))
        for (task, where, init, kind, value), draws in list(by_place.items())[:40]:
            which = ", ".join(str(d) for d in sorted({d for d in draws if d is not None}))
            lines.append(f"{init} on {task}, {where}, {kind} {value:g}: draws {which}")
        if len(by_place) > 40:
            lines.append(f"and {len(by_place) - 40} more groups of cells")
    elif planned:
        lines.append(f"All {len(planned)} planned cells have final runs.")
    lines += _statuses("trials", study.trials) + _statuses("final runs", study.finals)
    kept = compared(study.finals)
    for how, words in (
        ("defaults", "were set by default settings, without a search"),
        ("cv", "were set by a search that cross-validation inside the subset judged"),
    ):
        cells = len(kept.finals.filter(pl.col("selection") == how).unique(FACTORS))
        lines += [f"{cells} cells {words}."] if cells else []
    if kept.superseded:
        lines.append(f"{kept.superseded} final runs of other search budgets are superseded and left out.")
    for adaptation, task in kept.uneven:
        lines.append(f"{task}, {adapted(adaptation)}: no search budget is complete in every cell, so budgets differ.")
    for row in openings(study.finals, study.scores).iter_rows(named=True):
        lines.append(f"Test set '{row['test_set']}' of {row['task']} was opened by {row['opened']} final runs.")
    if len(study.attempts):
        earlier = study.attempts.filter((pl.col("table") == "finals") & (pl.col("status") == "completed"))
        lines.append(f"{len(study.attempts)} trials and final runs were set aside and run again.")
        if len(earlier):
            lines.append(f"{len(earlier)} of them were final runs that had opened a test set, too.")
    return lines


def settings(spec: dict) -> Raw:
    plain = json.loads(json.dumps(spec, default=str))
    return html.tag("pre", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def environment(study: StudyTables) -> Raw:
    names = ["version", "commit", "python", "torch", "device", "threads", "host_os"]
    runs = pl.concat([study.trials.select(names), study.finals.select(names)])
    if runs.is_empty():
        return html.paragraph("No run has recorded its environment yet.")
    counts = runs.group_by(names).len(name="runs").sort("runs", descending=True)
    return html.table(["labelcurve", *names[1:], "runs"], counts.rows(), numbers={5, 7})


def queries(root: str) -> Raw:
    here = root if "://" in root else "/".join(root.split("/")[-2:])
    cell = "task, adaptation, initialisation, size_value, draw"
    quoted = ", ".join(f'"{name}"' for name in cell.split(", "))
    polars = f'import polars as pl\n\ntrials = pl.scan_parquet("{here}/trials/**/*.parquet")\n' \
             f"trials.group_by({quoted}).agg(pl.col(\"score\").max()).collect()"  # fmt: skip
    duckdb = f"SELECT {cell}, max(score) AS score\nFROM read_parquet('{here}/trials/**/*.parquet')\nGROUP BY ALL;"
    return Raw(html.tag("h3", "Polars") + html.tag("pre", polars) + html.tag("h3", "DuckDB") + html.tag("pre", duckdb))


def _statuses(what: str, rows: pl.DataFrame) -> list[str]:
    failed = rows.filter(~pl.col("status").is_in(["completed", "pruned"]))
    if failed.is_empty():
        return []
    counts = failed["status"].value_counts().sort("status").iter_rows()
    return [f"{len(failed)} of {len(rows)} {what} failed: " + ", ".join(f"{n} {status}" for status, n in counts) + "."]


def _labels(r: dict) -> str:
    same = r["n_labels_min"] == r["n_labels_max"]
    return f"{r['n_labels']:.0f}" if same else f"{r['n_labels']:.0f} ({r['n_labels_min']}-{r['n_labels_max']})"


def _interval(r: dict, notes: Notes, sign: str = "") -> Raw:
    note = "; ".join(part for part in (r["target"] and f"target: {r['target']}", r["reason"]) if part)
    if r["low"] is None:
        return Raw("none" + notes.mark(note))
    return Raw(html.text(f"{r['low']:{sign}.3f} to {r['high']:{sign}.3f}") + notes.mark(note))


def _prediction(r: dict, notes: Notes) -> Raw:
    if r["pi_low"] is None:
        return Raw("none" + notes.mark(r["pi_reason"]))
    return html.text(f"{r['pi_low']:.3f} to {r['pi_high']:.3f}")


def _reading(r: dict) -> str:
    if r["low"] is None:
        return "no interval"
    return "above" if r["low"] > 0 else "below" if r["high"] < 0 else "not separated"


def _claimed(claim: Claim) -> str:
    where = f", {adapted(claim.adaptation)}" if claim.adaptation else ""
    metric = METRIC_NAMES.get(claim.metric, claim.metric)
    return f"{claim.initialisation} is not worse than {claim.not_worse_than} by {claim.margin:g} {metric}{where}"


def _pairs(f: ClaimVerdict) -> str:
    fewest, most = f.pairs_a_block
    return f"{f.pairs} ({fewest} a block)" if fewest == most else f"{f.pairs} ({fewest} to {most} a block)"


def _settings(r: dict) -> str:
    found = [f"search of {r['search_budget']}"] if r["searched"] else []
    crossed = [f"cross-validated in {r['cross_validated']}"] if r["cross_validated"] else []
    return ", ".join(found + crossed + ([f"defaults in {r['defaults']}"] if r["defaults"] else []))


def _letter(k: int) -> str:
    return chr(ord("a") + k % 26) * (k // 26 + 1)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
