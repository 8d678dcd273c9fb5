"""A plan's cells joined with what they run on: tasks, encoders, features, keys, jobs, and the ledger's word on them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from study import identity
from study.config import Study
from study.data.frozen_task import FrozenTask
from study.errors import InputRefused
from study.execution.shared_features import Features, shares_features
from study.execution.trial_jobs import fingerprint, trial_job
from study.execution.worker import RunJob
from study.ingest import Ingested
from study.ledger import Ledger
from study.planning.plan import Cell, Plan
from study.storage.file_ref import FileRef
from study.tracking import Mirror
from trainables import adaptations
from trainables.contracts import CellJob, Record, TrialJob


@dataclass(frozen=True)
class CellContext:
    study: Study
    plan: Plan
    ingested: Ingested
    encoders: Mapping[str, FileRef]
    features: Features
    ledger: Ledger
    slots: int
    """How many trials or final runs go on at once."""
    run_job: RunJob
    mirror: Mirror

    def task(self, cell: Cell) -> FrozenTask:
        """The cell's task, as it is in the cell's outer fold where it has such folds."""
        task, fold = self.ingested.tasks[cell.factors["task"]], cell.factors.get("fold")
        return task if fold is None else task.folds[fold]

    def job(self, cell: Cell) -> CellJob:
        """What every run of the cell gets besides settings, seed and test labels."""
        shared = shares_features(self.study, cell)
        features = self.features[cell.encoder, cell.factors["task"]] if shared else None
        return trial_job(self.study, cell, self.task(cell), self.weights(cell), features)

    def weights(self, cell: Cell) -> FileRef | None:
        """The cell's encoder; None where each run draws fresh weights from its own seed, as
        from scratch, unless the adaptation needs one fixed encoder."""
        scratch = cell.factors["initialisation"] == "scratch"
        on_features = adaptations.get(cell.factors["adaptation"]).on_features
        return None if scratch and not on_features else self.encoders[cell.encoder]

    def trial_key(self, cell: Cell, index: int) -> str:
        return identity.key(self.plan.identity, cell.factors, "trial", index)

    def final_key(self, cell: Cell, seed_index: int) -> str:
        """A larger search chooses anew, so its budget is part of a final run's position."""
        budget = self.study.adaptations[cell.factors["adaptation"]].trials
        return identity.key(self.plan.identity, cell.factors, "final", [budget, seed_index])

    def settings(self, cell: Cell, proposed: Mapping[str, Any]) -> dict:
        """Every hyperparameter's value: proposed, else the study's, else the adaptation's default."""
        name = cell.factors["adaptation"]
        return adaptations.get(name).resolve({**self.study.adaptations[name].settings, **proposed})

    def fingerprint(self, cell: Cell, settings: Mapping[str, Any]) -> str:
        return fingerprint(self.study, cell, self.task(cell), self.weights(cell), settings)

    def corpus_hash(self, cell: Cell) -> str | None:
        """Of the images that the cell's encoder was pre-trained on in this study."""
        here = cell.factors["initialisation"] in self.study.pretraining.methods
        return self.ingested.corpus_hash if here else None

    def check_stored(self, cell: Cell, row: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Refuse to go on from a stored run that this study would not repeat."""
        expected = self.fingerprint(cell, settings)
        if row["fingerprint"] == expected:
            return
        task, encoder = self.task(cell), self.weights(cell)
        now = {
            "subset_hash": cell.subset.hash,
            "split_hash": task.split_hash,
            "encoder_hash": encoder and encoder.digest,
        }
        changed = [f"{name} {row[name]} -> {value}" for name, value in now.items() if row[name] != value]
        where = ", ".join(f"{name} {value}" for name, value in cell.factors.items())
        raise InputRefused(
            f"the ledger's run {row['key']} ({where}) contradicts this study: "
            f"{'; '.join(changed) or 'settings, images or code version changed'}; give the changed study another name"
        )


def run_adaptation(job: TrialJob) -> Iterator[Record]:
    """Do a job on a worker, as the adaptation that it names."""
    return adaptations.get(job.adaptation).run(job)
