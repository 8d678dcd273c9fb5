"""What a study's folder keeps of the study itself: each accepted file, and the plan that the last one made."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import yaml

from study import versions
from study.config import AdaptationConfig, Study
from study.config.claims import ClaimConfig
from study.config.compatibility import check_growth, plain
from study.errors import InputRefused
from study.ledger import TABLES, count
from study.planning.plan import Plan
from study.storage import Storage
from study.vocabulary import DEFAULT_FACTORS
from trainables import adaptations

PLAN, EARLIER_PLAN = "plan.parquet", "plan.json"
OPENED = "# Tasks whose test sets had been opened when this was accepted: "
"""First line of an accepted file, before a JSON list."""
Root = str | Path | Storage
BUDGETS = ("trials", "finals", "search_budget")


@dataclass(frozen=True)
class Planned:
    """The plan as it was written.

    pretraining: `initialisation` and `pretrain_seed` of each run. cells: a row a cell, with all of its factors, the
    `trials` and `finals` that it gets, and the `search_budget` that is part of its final runs' position.
    """

    pretraining: list[dict[str, Any]]
    cells: pl.DataFrame

    @property
    def factors(self) -> list[str]:
        """The columns that together say which cell a row of `trials` or `finals` belongs to."""
        return [name for name in self.cells.columns if name not in BUDGETS]


def accepted(root: Root) -> dict | None:
    """The study that the results under ``root`` were last run with, as plain values."""
    storage = Storage.at(root)
    names = _specs(storage)
    return yaml.safe_load(storage.read_bytes(names[-1])) if names else None


def claims_made(root: Root) -> list[dict[str, Any]]:
    """The claims of the study accepted last, each with `post_hoc`: whether a test set that it is about had been opened
    by a final run when it was made. Where nobody noted that, a claim of a later file than the first is post hoc.
    """
    storage = Storage.at(root)
    made: dict[str, bool] = {}
    claims: list[dict[str, Any]] = []
    for number, name in enumerate(_specs(storage)):
        text = storage.read_bytes(name).decode()
        study = yaml.safe_load(text)
        first = text.partition("\n")[0]
        known = (
            json.loads(first.removeprefix(OPENED)) if first.startswith(OPENED) else list(study["tasks"]) * bool(number)
        )
        claims = [ClaimConfig.model_validate(claim).model_dump() for claim in study.get("claims", [])]
        late = {json.dumps(c): bool(known if c["task"] is None else c["task"] in known) for c in claims}
        made = {text: made.get(text, post_hoc) for text, post_hoc in late.items()}
    return [claim | {"post_hoc": made[json.dumps(claim)]} for claim in claims]


def _specs(storage: Storage) -> list[str]:
    return sorted(name for name in storage.list("spec") if name.endswith(".yaml"))


def check_accepted(root: Root, study: Study) -> None:
    """Refuse to go on with a study that another version of what runs compute began, or that was another study."""
    before = accepted(root)
    if before is not None:
        if before.get("imported"):
            raise InputRefused(f"{root}: this study was imported, and none is run beside it; give yours another name")
        _check_version(Storage.at(root))
        check_growth(before, study)


def _check_version(storage: Storage) -> None:
    """Every encoder's recipe says under which version the study was begun."""
    recipes = [name for name in storage.list("encoders") if name.endswith(".json")]
    if not recipes:
        return
    made = json.loads(storage.read_bytes(recipes[0]))
    began, about = made["recipe"].get("results_version"), made.get("provenance", {})
    if began != versions.RESULTS:
        raise InputRefused(
            f"{storage.root}: begun under version {began} of what runs compute (Labelcurve {about.get('version')}, "
            f"commit {about.get('commit')}), and this Labelcurve computes version {versions.RESULTS}: the two never "
            "mix in one study; go on with the Labelcurve that began it, or give the study another name"
        )


def accept(root: Root, study: Study, plan: Plan) -> None:
    """Keep the resolved study as the next ``spec/NNN.yaml`` where it says anything new, and the plan beside it."""
    storage = Storage.at(root)
    keep_spec(storage, plain(study))
    runs = [encoder.factors for encoder in plan.pretraining_runs]
    budgets = {name: adaptation.trials for name, adaptation in study.adaptations.items()}
    cells = [
        dict(cell.factors)
        | {"trials": cell.trials, "finals": cell.finals, "search_budget": budgets[cell.factors["adaptation"]]}
        for cell in plan.cells
    ]
    keep_plan(storage, runs, cells)


def keep_spec(storage: Storage, spec: dict) -> None:
    """Keep what a study is, in plain values, as the next ``spec/NNN.yaml`` where it says anything new."""
    if accepted(storage) != spec:
        number = 1 + max((int(Path(name).stem) for name in _specs(storage)), default=0)
        opened = count(storage.root, "finals", ["task"], lambda rows: rows.unique())["task"].sort().to_list()
        text = OPENED + json.dumps(opened) + "\n" + yaml.safe_dump(spec, sort_keys=False, allow_unicode=True)
        storage.write_atomic(f"spec/{number:03d}.yaml", text.encode())


def keep_plan(storage: Storage, runs: list[dict[str, Any]], cells: list[dict[str, Any]]) -> None:
    """Keep the pre-training runs and the cells (factors and `BUDGETS`) that there shall be."""
    sink = io.BytesIO()
    pq.write_table(_cells(cells).to_arrow().replace_schema_metadata({"pretraining": json.dumps(runs)}), sink)
    storage.write_atomic(PLAN, sink.getvalue())
    storage.remove(EARLIER_PLAN)


def spaces(spec: dict) -> dict[str, dict[str, Any]]:
    """What each adaptation of an accepted study searches, in plain values. Methods are not looked at: no torch."""
    asked = {name: AdaptationConfig.model_validate(each) for name, each in spec.get("adaptations", {}).items()}
    return {name: each.plain_space() or adaptations.get(name).space for name, each in asked.items()}


def planned(root: Root) -> Planned:
    """The plan of the study that was accepted last.

    Raises:
        InputRefused: where none was made yet.
    """
    storage = Storage.at(root)
    if storage.exists(PLAN):
        table = pq.read_table(io.BytesIO(storage.read_bytes(PLAN)))
        runs = json.loads(table.schema.metadata[b"pretraining"])
        return Planned(runs, pl.DataFrame(table))
    if storage.exists(EARLIER_PLAN):
        plan, study = json.loads(storage.read_bytes(EARLIER_PLAN)), accepted(storage) or {}
        budgets = {name: adaptation["trials"] for name, adaptation in study["adaptations"].items()}
        return Planned(
            plan["pretraining"],
            _cells([cell | {"search_budget": budgets[cell["adaptation"]]} for cell in plan["cells"]]),
        )
    raise InputRefused(f"{storage.root}: the study was never planned to its end; run it (again) first")


def _cells(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Cells with their factors named and typed as in the tables, a default that one leaves out in its column."""
    empty = pl.DataFrame(TABLES["finals"].empty_table())
    named = rows[0].keys() | DEFAULT_FACTORS.keys() if rows else DEFAULT_FACTORS.keys()
    schema = {name: dtype for name, dtype in empty.schema.items() if name in named} | dict.fromkeys(BUDGETS, pl.Int32)
    return pl.from_dicts([DEFAULT_FACTORS | row for row in rows], schema=schema)
