"""Status counts, per cell of the plan, what is done, failed, missing and superseded, while a driver may be at work."""

import json
import os

import pytest

from study.cli import main
from study.config import Study
from study.ledger import Ledger, lock
from study.maintenance.status import status
from study.planning.accepted import accept, planned
from study.planning.plan import Cell, Encoder, Plan

ABOUT = {"study": "lungs", "fingerprint": "f", "validation": "paid", "length": "epochs", "label_noise": 0.0}


def study(**changes) -> Study:
    adaptation = {"sizes": {"share": [0.5, 1.0]}, "draws": 2, "trials": 4, "finals": 2}
    return Study.model_validate(
        {
            "name": "lungs",
            "tasks": {"lung": {"images": "x", "labels": "y"}},
            "corpus": {"task_images": ["lung"]},
            "pretraining": {"methods": {"spark": {}}},
            "adaptations": {"full": adaptation | changes},
        }
    )


def place(initialisation: str, size: float, draw: int) -> dict:
    return {"initialisation": initialisation, "pretrain_seed": 0, "task": "lung", "adaptation": "full"} | {
        "size_kind": "share",
        "size_value": size,
        "draw": draw,
    }


def plan(of: Study) -> Plan:
    asked = of.adaptations["full"]
    places = [place(name, size, draw) for draw in range(2) for size in asked.sizes.share for name in of.compared()]
    cells = [Cell(str(at), at, None, True, asked.trials, asked.finals) for at in places]
    return Plan({}, [Encoder("scratch", 0, False), Encoder("spark", 0, True)], cells, [])


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "lungs"
    accept(folder, study(), plan(study()))
    return folder


def commit(root, table: str, at: dict, statuses: list[str], **columns) -> None:
    ledger = Ledger(root)
    for index, outcome in enumerate(statuses):
        key = f"{table} {at} {index} {columns}"
        ledger.commit(table, ABOUT | at | {"key": key, "index": index, "status": outcome} | columns)


def counts(found, at: dict, *names: str) -> list[int]:
    [row] = [row for row in found.cells.to_dicts() if row.items() >= at.items()]
    return [row[name] for name in names]


def test_a_plan_without_runs_is_missing_as_a_whole(root):
    found = status(root)
    assert found.cells.height == 8 and found.driver is None and found.report is None
    assert found.pretraining == [{"initialisation": "spark", "pretrain_seed": 0, "done": False}]
    assert found.cells["trials_missing"].to_list() == [4] * 8 and found.cells["finals_missing"].to_list() == [2] * 8


def test_what_ended_is_counted_in_its_cell_alone(root):
    at = place("spark", 0.5, 1)
    commit(root, "trials", at, ["completed", "pruned", "failed_oom"])
    commit(root, "finals", at, ["completed"], search_budget=4)
    found = status(root)
    names = ["trials_completed", "trials_pruned", "trials_failed", "trials_failed_oom", "trials_missing"]
    assert counts(found, at, *names) == [1, 1, 1, 1, 1]
    assert counts(found, at, "finals_completed", "finals_missing", "finals_superseded") == [1, 1, 0]
    assert found.cells["trials_missing"].sum() == 8 * 4 - 3 and found.cells["finals_completed"].sum() == 1
    [group] = [
        row for row in found.groups().to_dicts() if row["initialisation"] == "spark" and row["size_value"] == 0.5
    ]
    assert (group["cells"], group["trials"], group["trials_missing"], group["finals_completed"]) == (2, 8, 5, 1)


def test_a_larger_search_supersedes_the_final_runs_of_the_smaller(root):
    at = place("spark", 1.0, 0)
    commit(root, "trials", at, ["completed"] * 4)
    commit(root, "finals", at, ["completed"] * 2, search_budget=4)
    accept(root, study(trials=6), plan(study(trials=6)))
    found = status(root)
    names = ["trials_missing", "finals_completed", "finals_missing", "finals_superseded"]
    assert counts(found, at, *names) == [2, 0, 2, 2]
    assert found.outside == {"trials": 0, "finals": 0}


def test_what_the_plan_no_longer_asks_for_is_counted_apart(root):
    commit(root, "trials", place("spark", 0.5, 0), ["completed"] * 4)
    commit(root, "trials", place("spark", 1.0, 0), ["completed"] * 3)
    less = study(trials=3, sizes={"share": [1.0]})
    accept(root, less, plan(less))
    found = status(root)
    assert found.outside == {"trials": 4, "finals": 0} and found.cells["trials_completed"].sum() == 3


def test_cells_that_get_no_score_are_counted(root):
    commit(root, "trials", place("scratch", 0.5, 0), ["failed_nan"] * 4)
    commit(root, "trials", place("scratch", 0.5, 1), ["failed_nan"] * 3)
    commit(root, "trials", place("scratch", 1.0, 0), ["completed"] * 4)
    commit(root, "finals", place("scratch", 1.0, 0), ["failed_error"] * 2, search_budget=4)
    assert status(root).without_score() == 2


def test_the_command_names_the_driver_at_work_and_is_not_in_its_way(root, capsys):
    with lock(root):
        assert main(["status", str(root)]) == 0
    assert f"process {os.getpid()} on" in capsys.readouterr().out
    assert main(["status", str(root)]) == 0
    assert "none is at work" in capsys.readouterr().out
    with lock(root):
        pass


def test_the_command_prints_groups_and_on_request_every_cell(root, capsys):
    commit(root, "trials", place("spark", 0.5, 1), ["completed", "timed_out"])
    assert main(["status", str(root)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "missing: spark-0" in said[2]
    [line] = [line for line in said if "spark" in line and "share 0.5" in line]
    assert line.split("|")[1].split() == ["8", "1", "1", "6"]
    assert "failed trials: 1 timed_out" in said
    assert main(["status", str(root), "--cells"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert sum("share 0.5" in line for line in said) == 4 and not any("epochs" in line for line in said)


def test_a_program_reads_the_same_as_json(root, capsys):
    commit(root, "trials", place("spark", 0.5, 1), ["completed", "pruned"])
    assert main(["status", str(root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["total"]["cells"] == 8 and found["total"]["trials_completed"] == 1 and "cells" not in found
    assert found["driver"] is None and len(found["groups"]) == 4
    assert main(["status", str(root), "--json", "--cells"]) == 0
    [cell] = [cell for cell in json.loads(capsys.readouterr().out)["cells"] if cell["trials_completed"]]
    assert cell.items() >= place("spark", 0.5, 1).items() and cell["trials_missing"] == 2


def test_a_damaged_table_is_named(root, capsys):
    commit(root, "trials", place("spark", 0.5, 1), ["completed"])
    (root / "trials" / "000000.parquet").write_bytes(b"PAR1")
    assert main(["status", str(root)]) == 5
    assert "000000.parquet is damaged" in capsys.readouterr().err


def test_a_plan_kept_by_an_earlier_version_is_read(root):
    now = planned(root)
    cells = [{name: row[name] for name in row if name != "search_budget"} for row in now.cells.to_dicts()]
    (root / "plan.json").write_text(json.dumps({"pretraining": now.pretraining, "cells": cells}))
    (root / "plan.parquet").unlink()
    assert planned(root).cells.equals(now.cells) and planned(root).pretraining == now.pretraining
    accept(root, study(), plan(study()))
    assert not (root / "plan.json").exists()


def test_before_there_is_a_plan_it_is_said(root, capsys):
    (root / "plan.parquet").unlink()
    assert main(["status", str(root)]) == 2
    assert "never planned" in capsys.readouterr().err
