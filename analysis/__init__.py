"""What the ledger means: curves, intervals, the report; and a study's results for whoever wants to ask them more.

>>> import analysis
>>> study = analysis.open(results)
>>> study.name
'made'
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from analysis.frames import Study


def open(results: str | Path) -> Study:
    """A study's results: its tables as lazy Polars frames, and the answers that the analysis draws from them.

    results: a study's folder, or results that hold a single study; a local path, or any URL that fsspec knows, such as
    ``s3://bucket/results/lungs``. Nothing is read until something is asked, so 5,000,000 predictions open at once; a
    study may be running meanwhile. Raises InputRefused where no study is there, or several.

    >>> import analysis, polars as pl
    >>> study = analysis.open(results)
    >>> trials = study.trials.filter(pl.col("status") == "completed")
    >>> trials.group_by("initialisation").agg(pl.max("score")).sort("initialisation").collect().rows()
    [('moco_v2', 0.7), ('scratch', 0.7), ('spark', 0.7)]
    """
    from analysis.frames import Study

    return Study(results)


def duckdb(results: str | Path, *, verify: bool = True) -> DuckDBPyConnection:
    """A DuckDB connection with a view for every table of a study; see ``Study.duckdb``.

    >>> import analysis
    >>> db = analysis.duckdb(results)
    >>> db.sql("SELECT count(*) FROM finals WHERE status = 'completed'").fetchall()
    [(216,)]
    """
    return open(results).duckdb(verify=verify)
