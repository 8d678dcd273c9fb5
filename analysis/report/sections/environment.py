"""Where the runs ran, and with what."""

import polars as pl

from analysis.report import html
from analysis.report.html import Raw
from analysis.report.results import Results

title = "Environment"


def render(results: Results) -> Raw:
    study = results.tables
    names = ["version", "commit", "python", "torch", "device", "threads", "host_os"]
    runs = pl.concat([study.trials.select(names), study.finals.select(names)])
    if runs.is_empty():
        return html.paragraph("No run has recorded its environment yet.")
    counts = runs.group_by(names).len(name="runs").sort(-pl.col("runs").cast(pl.Int64), *names, nulls_last=True)
    header = ["labelcurve", *names[1:], "runs"]
    caption = "Trials and final runs by version and machine"
    return results.table("environment", header, counts.rows(), numbers={5, 7}, caption=caption)
