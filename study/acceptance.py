"""What a study's folder keeps of the study itself: each accepted file, and the plan that the last one made."""

import json
from pathlib import Path

import yaml

from study.errors import InputRefused
from study.growth import check_growth, plain
from study.keys import DEFAULT_FACTORS
from study.ledger import Storage
from study.plan import Plan
from study.spec import Study


def accepted(root: Path) -> dict | None:
    """The study that the results under ``root`` were last run with, as plain values."""
    storage = Storage(str(root))
    names = sorted(name for name in storage.list("spec") if name.endswith(".yaml"))
    return yaml.safe_load(storage.read_bytes(names[-1])) if names else None


def check_accepted(root: Path, study: Study) -> None:
    before = accepted(root)
    if before is not None:
        check_growth(before, study)


def accept(root: Path, study: Study, plan: Plan) -> None:
    """Keep the resolved study as the next ``spec/NNN.yaml`` where it says anything new, and the plan beside it."""
    storage = Storage(str(root))
    if accepted(root) != plain(study):
        number = 1 + sum(name.endswith(".yaml") for name in storage.list("spec"))
        text = yaml.safe_dump(plain(study), sort_keys=False, allow_unicode=True)
        storage.write_atomic(f"spec/{number:03d}.yaml", text.encode())
    cells = [
        DEFAULT_FACTORS | dict(cell.factors) | {"trials": cell.trials, "finals": cell.finals} for cell in plan.cells
    ]
    runs = [{"initialisation": e.initialisation, "pretrain_seed": e.pretrain_seed} for e in plan.pretraining_runs]
    storage.write_atomic("plan.json", json.dumps({"pretraining": runs, "cells": cells}, indent=1).encode())


def planned(root: Path) -> dict:
    """The plan as it was written: ``pretraining`` runs and ``cells``, each with its factors and budgets."""
    return json.loads(Storage(str(root)).read_bytes("plan.json"))


def find_root(results: Path) -> Path:
    """A study's folder, or a results folder that holds a single study."""
    if not results.is_dir():
        raise InputRefused(f"{results}: there is no such folder")
    if (results / "spec").is_dir():
        return results
    studies = sorted(folder.parent for folder in results.glob("*/spec"))
    if len(studies) == 1:
        return studies[0]
    if not studies:
        raise InputRefused(f"{results}: no study has left results here")
    names = ", ".join(str(folder) for folder in studies)
    raise InputRefused(f"{results} holds several studies; name one of {names}")
