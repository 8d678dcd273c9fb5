"""What others rely on when they name a column."""

import subprocess
import sys
from types import SimpleNamespace

import polars as pl
import pyarrow as pa
import pytest

from study import versions
from study.ledger import ATTEMPTS, TABLES
from study.ledger.schemas import COMMITTED, DEPENDENTS


def test_trials_and_finals_share_their_columns_but_for_what_only_one_of_them_can_know():
    trials, finals = set(TABLES["trials"].names), set(TABLES["finals"].names)
    assert trials - finals == {"objective", "score", "pruned_at", "audit_score"}
    assert finals - trials == {"search_budget", "selected_trial", "selection"}


@pytest.mark.parametrize("table", TABLES)
def test_a_name_means_one_type_wherever_it_stands_and_every_file_says_its_version(table):
    for other in TABLES.values():
        for field in other:
            if field.name in TABLES[table].names:
                assert TABLES[table].field(field.name).type == field.type
    assert TABLES[table].metadata == {
        b"labelcurve.table": table.encode(),
        b"labelcurve.version": str(versions.LEDGER).encode(),
    }


def test_every_row_that_belongs_to_a_run_says_to_which():
    assert {table for table, schema in TABLES.items() if "key" in schema.names} == {*COMMITTED, *DEPENDENTS, ATTEMPTS}
    assert {table for table, schema in TABLES.items() if "fingerprint" in schema.names} == {*COMMITTED, ATTEMPTS}
    assert TABLES["trials"].field("started_at").type == pa.timestamp("us", tz="UTC")


def test_reading_a_ledger_imports_neither_torch_nor_ray_nor_anything_of_ours_above_it():
    code = "import sys, study.ledger; print(*[m for m in sys.modules if m.split('.')[0] in {'torch', 'ray', 'study'}])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    below = ("study.ledger", "study.storage", "study.errors", "study.vocabulary", "study.versions")
    assert [name for name in loaded if name != "study" and not name.startswith(below)] == []


def test_columns_of_corruptions_are_null_until_there_are_any():
    from study.execution.ledger_rows import prediction_rows, score_rows

    task = SimpleNamespace(samples=pl.DataFrame({"row": [0], "digest": ["d"], "patient": ["p"]}), external={})
    scores = score_rows("k", [["test", "image", "auc", 0.5]])
    rows = [*scores, *prediction_rows("k", task, [["test", "test", 0, [1], [0.5, 0.5]]])]
    assert rows and not any({"corruption", "severity"} & row.keys() for row in rows)
