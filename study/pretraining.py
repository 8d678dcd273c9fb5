"""The second stage: every encoder that the study needs, each made once and kept with how it was made."""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from study import keys
from study.errors import InputRefused, SurroundingsFailed
from study.failpoints import failpoint
from study.ingest import Ingested
from study.ledger import Ledger, Storage
from study.plan import Encoder, Plan
from study.provenance import provenance
from study.spec import Study


@dataclass(frozen=True)
class Encoders:
    """Makes a study's encoders. One exists when its ``.json`` does, which is written last."""

    study: Study
    plan: Plan
    root: Path
    ledger: Ledger
    ingested: Ingested
    say: Callable[[str], None]

    def make(self) -> dict[str, dict]:
        """Encoder name -> ``{"uri", "digest"}`` of its weights; what was interrupted goes on where it was."""
        refs = {}
        for number, encoder in enumerate(self.plan.encoders, start=1):
            recipe = self._recipe(encoder)
            known = self._known(encoder, recipe)
            if known is None:
                self.say(f"encoder {number}/{len(self.plan.encoders)}: {encoder.name}")
                known = self._make(encoder, recipe)
            refs[encoder.name] = {"uri": str(self.root / "encoders" / f"{encoder.name}.safetensors"), "digest": known}
        return refs

    def _recipe(self, encoder: Encoder) -> dict:
        """All that shapes the weights, as plain values; its digest is the encoder's fingerprint."""
        study = self.study
        recipe: dict[str, Any] = {"initialisation": encoder.initialisation, "backbone": study.backbone}
        recipe["seed"] = keys.seed(keys.key(self.plan.identity, {"encoder": encoder.name}, "pretraining", None))
        if encoder.initialisation in study.weights:
            recipe["file"] = hashlib.sha256(study.weights[encoder.initialisation].read_bytes()).hexdigest()
        if encoder.pretrained_here:
            recipe |= {
                "method": encoder.initialisation,
                "settings": study.pretraining.methods[encoder.initialisation],
                "image_size": study.image_size,
                "window": list(study.window),
                "images": study.pretraining.images,
                "batch": study.pretraining.batch,
                "workers": study.resources.pretraining.workers,
                "corpus": self.ingested.corpus_hash(study),
            }
        return recipe | {"results_version": keys.RESULTS_VERSION}

    def _known(self, encoder: Encoder, recipe: dict) -> str | None:
        storage, name = Storage(str(self.root)), f"encoders/{encoder.name}.json"
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
        return made["digest"]

    def _make(self, encoder: Encoder, recipe: dict) -> str:
        with tempfile.TemporaryDirectory(prefix="labelcurve-") as folder:
            weights = Path(folder) / "encoder.safetensors"
            rows: list[dict] = []
            if encoder.pretrained_here:
                rows = self._pretrain(encoder, recipe, weights)
            elif encoder.initialisation == "scratch":
                _draw_weights(self.study.backbone, recipe["seed"], weights)
            else:
                _convert_weights(self.study.backbone, self.study.weights[encoder.initialisation], weights)
            return self._commit(encoder, recipe, weights.read_bytes(), rows)

    def _commit(self, encoder: Encoder, recipe: dict, weights: bytes, rows: list[dict]) -> str:
        digest, storage = hashlib.sha256(weights).hexdigest(), Storage(str(self.root))
        storage.write_atomic(f"encoders/{encoder.name}.safetensors", weights)
        failpoint("pretraining-weights-written")
        stored = self.ledger.keys("pretraining")
        new = [row for row in rows if row["key"] not in stored]
        if new:
            new[-1]["encoder_hash"] = digest
            self.ledger.commit("pretraining", new)
        failpoint("pretraining-rows-written")
        about = {"digest": digest, "recipe": recipe, "provenance": provenance(), "made_at": _now().isoformat()}
        storage.write_atomic(f"encoders/{encoder.name}.json", json.dumps(about, indent=1).encode())
        failpoint("encoder-made")
        return digest

    def _pretrain(self, encoder: Encoder, recipe: dict, weights: Path) -> list[dict]:
        """One Ray Train run, found again by its name, so that building it twice goes on with it."""
        from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        from trainables.pretrain import loop

        slot, asked = self.study.resources.pretraining, self.study.pretraining
        per_worker: dict[str, float] = {"CPU": slot.cpus} | ({"GPU": slot.gpus} if slot.gpus else {})
        fingerprint = keys.digest(recipe)
        where = self.study.resources.storage or str(self.root / "train")
        name = f"{encoder.name}-{fingerprint[:8]}"
        started = time.monotonic()
        trainer = TorchTrainer(
            loop,
            train_loop_config={
                key: recipe[key]
                for key in ("method", "settings", "backbone", "image_size", "window", "seed", "batch", "images")
            }
            | {
                "sources": self.ingested.pretraining_sources(self.study),
                "threads": slot.cpus,
                "checkpoint_every": asked.checkpoint_every,
                "log_every": asked.log_every,
            },
            scaling_config=ScalingConfig(
                num_workers=slot.workers, use_gpu=slot.gpus > 0, resources_per_worker=per_worker
            ),
            run_config=RunConfig(
                name=name,
                storage_path=where,
                failure_config=FailureConfig(max_failures=3),
                checkpoint_config=CheckpointConfig(num_to_keep=2),
            ),
        )
        try:
            result = trainer.fit()
        except Exception as error:
            raise SurroundingsFailed(f"pre-training {encoder.name} failed: {_last_line(error)}") from error
        if result.checkpoint is None:
            raise SurroundingsFailed(f"pre-training {encoder.name} ended without a checkpoint in {where}")
        failpoint("pretraining-ended")
        with result.checkpoint.as_directory() as folder:
            shutil.copyfile(Path(folder) / "encoder.safetensors", weights)
            history = json.loads((Path(folder) / "history.json").read_text())
        last = history[-1]
        self.say(
            f"  {last['images']:,} images in {time.monotonic() - started:.0f} s, loss {last['loss']:.3f}"
            + (f" ({last['loss_over_trivial']:.2f} of its trivial value)" if last.get("loss_over_trivial") else "")
        )
        return [self._row(encoder, recipe, fingerprint, entry) for entry in history]

    def _row(self, encoder: Encoder, recipe: dict, fingerprint: str, entry: dict) -> dict:
        at = {"method": encoder.initialisation, "pretrain_seed": encoder.pretrain_seed}
        about = provenance()
        return (
            entry
            | at
            | {
                "key": keys.key(self.plan.identity, at, "pretraining", entry["step"]),
                "fingerprint": fingerprint,
                "study": self.study.name,
                "batch": self.study.pretraining.batch,
                "settings": json.dumps(recipe["settings"], sort_keys=True),
                "corpus_hash": recipe["corpus"],
                "version": about["version"],
                "commit": about["commit"],
                "torch": about["torch"],
                "at": _now(),
            }
        )


def check_weights_files(study: Study) -> None:
    """Refuse a weights file that the study's backbone cannot take, before anything is computed."""
    from trainables import backbones

    try:
        backbones.build(study.backbone)
    except Exception as error:
        raise InputRefused(f"backbone {study.backbone}: {_last_line(error)}") from None
    for name, path in study.weights.items():
        if not path.is_file():
            raise InputRefused(f"weights.{name}: there is no file {path}")
        try:
            backbones.check_weights(path, study.backbone)
        except ValueError as error:
            raise InputRefused(f"weights.{name}: {error}") from None


def _draw_weights(backbone: str, seed: int, path: Path) -> None:
    import torch

    from trainables import backbones

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbones.save(backbones.build(backbone), path, {"initialisation": "scratch"})


def _convert_weights(backbone: str, source: Path, path: Path) -> None:
    from trainables import backbones

    module = backbones.build(backbone)
    backbones.load(module, source)
    backbones.save(module, path, {"initialisation": "file"})


def _last_line(error: BaseException) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


def _now() -> datetime:
    return datetime.now(UTC)
