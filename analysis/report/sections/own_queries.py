"""How to ask the tables oneself."""

from analysis.report import html
from analysis.report.html import Raw
from analysis.report.results import Results

title = "Ask the tables yourself"


def render(results: Results) -> Raw:
    root = results.root
    here = root if "://" in root else "/".join(root.split("/")[-2:])
    cell = "task, adaptation, initialisation, size_value, draw"
    quoted = ", ".join(f'"{name}"' for name in cell.split(", "))
    polars = f'import polars as pl\n\ntrials = pl.scan_parquet("{here}/trials/**/*.parquet")\n' \
             f"trials.group_by({quoted}).agg(pl.col(\"score\").max()).collect()"  # fmt: skip
    duckdb = f"SELECT {cell}, max(score) AS score\nFROM read_parquet('{here}/trials/**/*.parquet')\nGROUP BY ALL;"
    return Raw(html.tag("h3", "Polars") + html.tag("pre", polars) + html.tag("h3", "DuckDB") + html.tag("pre", duckdb))
