"""Full fine-tuning of an encoder on a labelled subset: one trial of a search, or one final run."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables import adaptations, device, encoders, records
from trainables.augment import augment
from trainables.classifier import (
    Classifier,
    batches,
    batches_per_epoch,
    parameter_groups,
    probabilities,
    rate_factor,
    settle_batch_norm,
)

SETTLING_IMAGES = 128
"""At most so many training images give batch norm's statistics."""


def run(job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Train on `job["train"]` and yield a record an epoch; the weights of the last epoch are the ones judged.

    The encoder sees pixels in [0, 1], as in pre-training. All randomness comes from `job["seed"]` through generators
    of its own, so the process can go on to another job. Raises ValueError for settings or rows that make no sense,
    FloatingPointError when the loss is no longer finite.
    """
    settings = adaptations.get("full").resolve(job["settings"])
    records.check(job)
    with device.threads(job["threads"]):
        spent = records.Spent()
        with spent.time(computing=False):
            tuning = FineTuning(job, settings)
        for epoch in range(1, job["epochs"] + 1):
            with spent.time(computing=True):
                loss = tuning.epoch(epoch)
                tuning.settle()
                p_val = tuning.predict_val()
            images = epoch * len(job["train"])
            record = records.epoch(job, p_val, epoch=epoch, step=tuning.step, images=images, loss=loss)
            if epoch == job["epochs"]:
                facts = {
                    "epochs": epoch,
                    "images": images,
                    "device": device.name(tuning.device),
                    "threads": job["threads"],
                }
                record["result"] = records.outcome(job, p_val, tuning.predict, spent, **facts)
            yield record


class FineTuning:
    """A job's model, optimiser and images.

    Up to `release_epoch` the encoder is frozen with batch norm in evaluation mode: the head then learns from features
    that are computed once, of images without augmentation.
    """

    def __init__(self, job: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self.job, self.settings, self.device, self.step = job, settings, device.choose(), 0
        self.generator = torch.Generator().manual_seed(job["seed"])
        encoder = encoders.encoder(job["backbone"], job["encoder"], seed=job["seed"])
        model = Classifier(
            encoder, job["train_labels"], job["classes"], dropout=settings["dropout"], generator=self.generator
        )
        self.model = device.place(model, self.device)
        rates = {name: settings[name] for name in ("lr", "head_lr", "layer_decay", "weight_decay")}
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, **rates), fused=True)
        self.train = device.hold(encoders.job_images(job, job["train"]), self.device)
        self.val = device.hold(encoders.job_images(job, job["val"]), self.device)
        self.labels = torch.as_tensor(job["train_labels"], device=self.device)
        self.settling = torch.randperm(len(self.train), generator=self.generator)[:SETTLING_IMAGES]
        self.frozen_epochs = min(settings["release_epoch"], job["epochs"])
        if self.frozen_epochs:
            self.train_features = encoders.embed(self.model.encoder, self.train, self.device).to(self.device)
            self.val_features = encoders.embed(self.model.encoder, self.val, self.device).to(self.device)
        self.frozen = self.frozen_epochs > 0

    def epoch(self, epoch: int) -> float:
        """One pass over the training images; the mean loss over them, as they were seen."""
        self.frozen = epoch <= self.frozen_epochs
        self.model.train()
        self.model.encoder.train(not self.frozen).requires_grad_(not self.frozen)
        losses, sizes = [], []
        for chosen in batches(len(self.train), self.settings["batch"], self.generator):
            self._set_rates()
            loss = functional.cross_entropy(
                self._train_logits(chosen).float(),
                self.labels[chosen.to(self.device)],
                label_smoothing=self.settings["label_smoothing"],
            )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1
            losses.append(loss.detach())
            sizes.append(len(chosen))
        return self._mean(losses, sizes, epoch)

    def settle(self) -> None:
        """Make batch norm's statistics those of the weights as they are now, which matters most after few steps."""
        if not self.frozen:
            with device.autocast(self.device):
                settle_batch_norm(self.model.encoder, device.send(self.train[self.settling], self.device))

    def predict_val(self) -> np.ndarray:
        """Probabilities (N, classes) of the validation rows, after the latest epoch."""
        if not self.frozen:
            return self._predict(self.val)
        self.model.eval()
        with torch.inference_mode():
            return probabilities(self.model.logits(self.val_features))

    def predict(self, rows: list[int]) -> np.ndarray:
        """Probabilities (N, classes) of any rows of the store."""
        return self._predict(encoders.job_images(self.job, rows))

    def _predict(self, images: Tensor) -> np.ndarray:
        return probabilities(encoders.embed(self.model, images, self.device))

    def _train_logits(self, chosen: Tensor) -> Tensor:
        if self.frozen:
            return self.model.logits(self.train_features[chosen.to(self.device)])
        images = device.send(self.train[chosen], self.device)
        with device.autocast(self.device):
            return self.model(augment(images, self.settings["augmentation"], self.generator))

    def _set_rates(self) -> None:
        a_epoch = batches_per_epoch(len(self.train), self.settings["batch"])
        starts = {"head": 0, "encoder": self.frozen_epochs * a_epoch}
        for group in self.optimizer.param_groups:
            factor = rate_factor(self.step, total=self.job["epochs"] * a_epoch, start=starts[group["part"]])
            group["lr"] = group["peak"] * factor

    def _mean(self, losses: list[Tensor], sizes: list[int], epoch: int) -> float:
        # Looked at once an epoch: asking each step would make a GPU wait for the host.
        values = torch.stack(losses).double().tolist()
        for back, value in enumerate(values):
            if not math.isfinite(value):
                what = "NaN" if math.isnan(value) else "infinite"
                step = self.step - len(values) + back + 1
                raise FloatingPointError(f"loss became {what} at epoch {epoch}, step {step}")
        return float(np.average(values, weights=sizes))
