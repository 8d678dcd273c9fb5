"""The second stage: every encoder that the study needs, each made once and kept with how it was made."""

import dataclasses
import hashlib
import json
import logging
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from study import identity, versions
from study.config import Study
from study.errors import InputRefused, SurroundingsFailed
from study.failpoints import failpoint
from study.ingest import Ingested
from study.ledger import Ledger
from study.planning.plan import Encoder, Plan
from study.pretraining.concurrent_jobs import ConcurrentJob, side_by_side
from study.pretraining.encoder_weights import convert_weights, draw_weights, weights_identity
from study.pretraining.train_runner import pretrain
from study.provenance import provenance
from study.storage.file_ref import FileRef
from study.tracking import Mirror
from trainables.contracts import PretrainRow

log = logging.getLogger(__name__)


class Made(NamedTuple):
    weights: bytes
    rows: list[dict]
    picture: bytes | None


@dataclass(frozen=True)
class Encoders:
    """Makes a study's encoders. One exists when its ``.json`` does, which is written last."""

    study: Study
    plan: Plan
    ledger: Ledger
    ingested: Ingested
    mirror: Mirror
    slots: int

    def make(self) -> dict[str, FileRef]:
        """Encoder name -> its weights; what was interrupted goes on where it was.

        Pre-training runs that fit the cluster together go on side by side; this thread alone commits.
        """
        refs: dict[str, FileRef] = {}
        recipes: dict[str, dict] = {}
        jobs: dict[str, ConcurrentJob] = {}

        def settle(encoder: Encoder) -> bool:
            """Note the encoder's weights if they are there already."""
            recipes[encoder.name] = self._recipe(encoder, refs[encoder.start] if encoder.start else None)
            known = self._known(encoder, recipes[encoder.name])
            if known is not None:
                refs[encoder.name] = self._ref(encoder, known)
            return known is not None

        def run(encoder: Encoder) -> Made | None:
            if encoder.name not in recipes and settle(encoder):
                return None
            log.info(f"encoder {encoder.name}")
            return self._make(encoder, recipes[encoder.name], refs[encoder.start] if encoder.start else None)

        by_name = {encoder.name: encoder for encoder in self.plan.encoders}
        for encoder in by_name.values():
            if encoder.start in jobs or not settle(encoder):
                jobs[encoder.name] = ConcurrentJob(partial(run, encoder), after=encoder.start)
        for name, made in side_by_side(jobs, slots=self.slots):
            if made is not None:
                refs[name] = self._ref(by_name[name], self._commit(by_name[name], recipes[name], made))
        return refs

    def _ref(self, encoder: Encoder, digest: str) -> FileRef:
        return FileRef(self.ledger.storage.full(f"encoders/{encoder.name}.safetensors"), digest)

    def _recipe(self, encoder: Encoder, start: FileRef | None) -> dict:
        """All that shapes the weights, as plain values; its digest is the encoder's fingerprint."""
        study = self.study
        recipe: dict[str, Any] = {"initialisation": encoder.initialisation, "backbone": study.backbone}
        position = {"pretrain_seed": encoder.pretrain_seed}  # all methods of a seed begin with the same random weights
        recipe["seed"] = identity.seed(identity.key(self.plan.identity, position, "pretraining", None))
        if encoder.initialisation in study.weights:
            recipe["file"] = weights_identity(study.weights[encoder.initialisation])
        if encoder.pretrained_here:
            entry, asked = study.pretraining.methods[encoder.initialisation], study.pretraining
            recipe |= {
                "method": entry.method,
                "settings": entry.settings,
                "start": start and start.digest,
                "image_size": study.image_size,
                "window": list(study.window),
                "batch": asked.batch_of(encoder.initialisation),
                "accumulate": asked.accumulate,
                "precision": asked.precision,
                "compile": asked.compile,
                "sync_batch_norm": asked.sync_batch_norm,
                "workers": study.resources.pretraining.workers,
                "corpus": self.ingested.corpus_hash,
            } | self._budget(encoder)
        return recipe | {"results_version": versions.RESULTS}

    def _budget(self, encoder: Encoder) -> dict[str, float]:
        """The budget as the loop wants it; a publication's epochs are those of this corpus."""
        budget = self.study.pretraining.budget_of(encoder.initialisation)
        return {"images": budget["epochs"] * self.ingested.corpus_size} if "epochs" in budget else budget

    def _known(self, encoder: Encoder, recipe: dict) -> str | None:
        storage, name = self.ledger.storage, f"encoders/{encoder.name}.json"
        if not storage.exists(name):
            return None
        made = json.loads(storage.read_bytes(name))
        for setting in sorted(made["recipe"].keys() | recipe.keys()):
            old, new = made["recipe"].get(setting), recipe.get(setting)
            if old != new:
                raise InputRefused(
                    f"encoder {encoder.name} was made with {setting} {old!r}, and the study now asks for {new!r}; "
                    "give the changed study another name, or change it back"
                )
        weights = f"encoders/{encoder.name}.safetensors"
        if not storage.exists(weights) or hashlib.sha256(storage.read_bytes(weights)).hexdigest() != made["digest"]:
            raise SurroundingsFailed(
                f"{storage.full(weights)} is missing or damaged; restore it from a copy, "
                f"or let `labelcurve doctor {storage.root} --set-aside` have it made again"
            )
        self._restore(made)
        return made["digest"]

    def _restore(self, made: dict) -> None:
        """Commit a run's rows once more where a damaged file of the table was set aside."""
        rows = [row | {"at": datetime.fromisoformat(row["at"])} for row in made.get("rows", [])]
        if rows and not any(row["key"] in self.ledger for row in rows):
            self.ledger.commit("pretraining", rows)

    def _make(self, encoder: Encoder, recipe: dict, start: FileRef | None) -> Made:
        with tempfile.TemporaryDirectory(prefix="labelcurve-") as folder:
            weights = Path(folder) / "encoder.safetensors"
            rows: list[dict] = []
            if encoder.pretrained_here:
                rows = self._pretrain(encoder, recipe, start, weights)
            elif encoder.initialisation == "scratch":
                draw_weights(self.study.backbone, recipe["seed"], weights, self.study.image_size)
            else:
                source = self.study.weights[encoder.initialisation]
                convert_weights(self.study.backbone, source, weights, self.study.image_size)
            picture = weights.with_suffix(".png")
            return Made(weights.read_bytes(), rows, picture.read_bytes() if picture.exists() else None)

    def _commit(self, encoder: Encoder, recipe: dict, made: Made) -> str:
        digest, storage, rows = hashlib.sha256(made.weights).hexdigest(), self.ledger.storage, made.rows
        storage.write_atomic(f"encoders/{encoder.name}.safetensors", made.weights)
        if made.picture is not None:
            storage.write_atomic(f"encoders/{encoder.name}.png", made.picture)
        failpoint("pretraining-weights-written")
        stored = self.ledger.keys("pretraining")
        if rows:
            rows[-1]["encoder_hash"] = digest
        new = [row for row in rows if row["key"] not in stored]
        if new:
            self.ledger.commit("pretraining", new)
            self.mirror.pretraining(new)
        failpoint("pretraining-rows-written")
        about = {"digest": digest, "recipe": recipe, "provenance": provenance(), "made_at": _now().isoformat()}
        about |= {"rows": rows} if rows else {}  # a log that no damage of the table can lose
        storage.write_atomic(f"encoders/{encoder.name}.json", json.dumps(about, indent=1, default=_text).encode())
        failpoint("encoder-made")
        return digest

    def _pretrain(self, encoder: Encoder, recipe: dict, start: FileRef | None, weights: Path) -> list[dict]:
        fingerprint = identity.digest(recipe)
        history = pretrain(
            recipe,
            start=start,
            sources=self.ingested.sources,
            probe_tasks=self.ingested.probe_tasks() if self.study.pretraining.probes else [],
            asked=self.study.pretraining,
            slot=self.study.resources.pretraining,
            name=f"{encoder.name}-{fingerprint[:8]}",
            storage=self.study.resources.storage or self.ledger.storage.full("train"),
            weights=weights,
        )
        failpoint("pretraining-ended")
        return [self._row(encoder, recipe, fingerprint, entry) for entry in history]

    def _row(self, encoder: Encoder, recipe: dict, fingerprint: str, entry: PretrainRow) -> dict:
        at = encoder.factors
        about = provenance()
        slot = self.study.resources.pretraining
        return (
            dataclasses.asdict(entry)
            | at
            | {
                "key": identity.key(self.plan.identity, at, "pretraining", entry.step),
                "fingerprint": fingerprint,
                "study": self.study.name,
                "method": recipe["method"],
                "batch": recipe["batch"],
                "accumulate": recipe["accumulate"],
                "world_size": slot.workers,
                "threads": slot.cpus,
                "settings": json.dumps(recipe["settings"], sort_keys=True),
                "corpus_hash": recipe["corpus"],
                "version": about["version"],
                "commit": about["commit"],
                "torch": about["torch"],
                "at": _now(),
            }
        )


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value.item()  # type: ignore[attr-defined]  # numpy's


def _now() -> datetime:
    return datetime.now(UTC)
