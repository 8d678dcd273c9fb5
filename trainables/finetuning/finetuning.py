"""Fine-tuning of an encoder on a labelled subset, all of it or its batch norm alone: one trial of a search, or one
final run."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables import adaptations, device
from trainables.contracts import EpochRecord, TestSet, TrialJob
from trainables.finetuning import cross_validation, encoder_features, run_result
from trainables.finetuning.classifier import (
    Classifier,
    batches,
    batches_per_epoch,
    loss_of,
    parameter_groups,
    probabilities,
    rate_factor,
    settle_batch_norm,
)
from trainables.finetuning.linear_probe import read_features
from trainables.scoring.predictions import labels_of
from trainables.transforms.labelled_augmentation import augment

SETTLING_IMAGES = 128
"""At most so many training images give batch norm's statistics."""

WITHOUT = {"layer_decay": 1.0, "release_epoch": 0}
"""Settings of an adaptation that has no such hyperparameters."""


def run(job: TrialJob) -> Iterator[EpochRecord]:
    """Train on `job.train` and yield a record an epoch; the weights of the last epoch are the ones scored.

    With `updates` a record ends each of `epochs` equal spans of n optimizer updates in all, and the
    settings that count epochs count spans. With `folds` a model a fold advances side by side, each scored on its own
    fold; a final run trains one more on all of the subset, and tests that one.

    The encoder sees pixels in [0, 1], as in pre-training. All randomness comes from `job.seed` through generators
    of its own, so the process can go on to another job. A record's `step` counts one model's updates, `images` those
    that all models trained on. Raises ValueError for settings or rows that make no sense, FloatingPointError when the
    loss is no longer finite.
    """
    adaptation = adaptations.get(job.adaptation)
    settings = WITHOUT | adaptation.resolve(job.settings)
    run_result.check(job)
    parts = cross_validation.parts(job)
    with device.threads(job.threads), device.memory_share(job.gpus):
        spent = run_result.Spent()
        with spent.time(computing=False):
            scored = [FineTuning(part, settings) for part in parts]
            whole = cross_validation.whole(job) if job.tests else None
            models = scored if whole is None else [*scored, FineTuning(whole, settings)]
        ends = len(models[-1].spans)
        for epoch in range(1, ends + 1):
            with spent.time(computing=True):
                losses = [model.span(epoch) for model in models]
                for model in models:
                    model.settle()
                p_vals = [model.predict_val() for model in scored]
            step, images = max(model.step for model in models), sum(model.seen for model in models)
            loss = float(np.mean(losses))
            record = run_result.epoch(parts, p_vals, epoch=epoch, step=step, images=images, loss=loss)
            if epoch == ends:
                facts = {
                    "epochs": epoch,
                    "images": images,
                    "device": device.name(models[-1].device),
                    "threads": job.threads,
                }
                record = dataclasses.replace(
                    record, result=run_result.outcome(job, parts, p_vals, models[-1].predict, spent, **facts)
                )
            yield record


class FineTuning:
    """A job's model, optimiser and images.

    Up to `release_epoch` the encoder is frozen with batch norm in evaluation mode: the head then learns from features
    that are computed once, of images without augmentation.
    """

    def __init__(self, job: TrialJob, settings: Mapping[str, Any]) -> None:
        self.job, self.settings, self.device, self.step, self.seen = job, settings, device.choose(job.gpus), 0, 0
        self.generator = torch.Generator().manual_seed(job.seed)
        labels = torch.as_tensor(labels_of(job, job.train_labels))
        encoder = encoder_features.encoder(job.backbone, job.encoder, seed=job.seed, image_size=job.image_size)
        model = Classifier(encoder, labels, job.classes, dropout=settings["dropout"], generator=self.generator)
        self.model = device.place(model, self.device)
        self.released = _released(self.model.encoder, job)
        rates = {name: settings[name] for name in ("lr", "head_lr", "layer_decay", "weight_decay")}
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, **rates), fused=True)
        self.train = encoder_features.job_images(job, job.images, job.train)
        self.val = encoder_features.job_images(job, job.images, job.val)
        self.labels = labels.float().to(self.device) if job.multi else labels.to(self.device)
        self.settling = torch.randperm(len(self.train), generator=self.generator)[:SETTLING_IMAGES]
        self.spans = _spans(job, batches_per_epoch(len(self.train), settings["batch"]))
        self.frozen_spans = min(settings["release_epoch"], len(self.spans))
        if self.frozen_spans:
            self.train_features, self.val_features = (self._features(split) for split in ("train", "val"))
        self.frozen = self.frozen_spans > 0
        self.batches = self._batches()

    def span(self, number: int) -> float:
        """The updates up to the judgement of this number, counted from 1: an epoch, or an equal part of all updates.
        Returns the mean loss over their images, as they were seen."""
        self.frozen = number <= self.frozen_spans
        self.model.train()
        self.model.encoder.train(not self.frozen)
        for each in self.released:
            each.requires_grad_(not self.frozen)
        losses, sizes = [], []
        for _ in range(self.spans[number - 1]):
            chosen = next(self.batches)
            self._set_rates()
            loss = loss_of(
                self._train_logits(chosen),
                self.labels[chosen.to(self.device)],
                smoothing=self.settings["label_smoothing"],
            )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1
            losses.append(loss.detach())
            sizes.append(len(chosen))
        self.seen += sum(sizes)
        return self._mean(losses, sizes, number)

    def settle(self) -> None:
        """Make batch norm's statistics those of the weights as they are now, which matters most after few steps."""
        if not self.frozen:
            with device.autocast(self.device):
                settle_batch_norm(self.model.encoder, device.send(self.train[self.settling], self.device))

    def predict_val(self) -> np.ndarray:
        """Probabilities (N, classes) of the validation rows, after the latest updates."""
        if not self.frozen:
            return self._predict(self.val)
        self.model.eval()
        with torch.inference_mode():
            return probabilities(self.model.logits(self.val_features), multi=self.job.multi)

    def predict(self, test: TestSet) -> np.ndarray:
        """Probabilities (N, classes) of the rows of a test set, which may have a store of its own."""
        return self._predict(encoder_features.job_images(self.job, test.images, test.rows))

    def _predict(self, images: encoder_features.StoredImages) -> np.ndarray:
        return probabilities(encoder_features.embed(self.model, images, self.device), multi=self.job.multi)

    def _features(self, split: str) -> Tensor:
        rows, images = {"train": (self.job.train, self.train), "val": (self.job.val, self.val)}[split]
        if self.job.features is not None:
            return torch.from_numpy(read_features(self.job.features)[rows]).to(self.device)
        return encoder_features.embed(self.model.encoder, images, self.device).to(self.device)

    def _batches(self) -> Iterator[Tensor]:
        while True:
            yield from batches(len(self.train), self.settings["batch"], self.generator)

    def _train_logits(self, chosen: Tensor) -> Tensor:
        if self.frozen:
            return self.model.logits(self.train_features[chosen.to(self.device)])
        images = device.send(self.train[chosen], self.device)
        with device.autocast(self.device):
            return self.model(augment(images, self.settings["augmentation"], self.generator))

    def _set_rates(self) -> None:
        starts = {"head": 0, "encoder": sum(self.spans[: self.frozen_spans])}
        for group in self.optimizer.param_groups:
            factor = rate_factor(self.step, total=sum(self.spans), start=starts[group["part"]])
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


def _spans(job: TrialJob, a_pass: int) -> Sequence[int]:
    """Updates before each judgement: a pass over the images before each of `epochs`, or all asked updates in as many
    parts that differ by one at most."""
    updates = job.updates
    if updates is None:
        return [a_pass] * job.epochs
    parts = min(job.epochs, updates)
    return [updates * (part + 1) // parts - updates * part // parts for part in range(parts)]


def _released(encoder: nn.Module, job: TrialJob) -> list[nn.Parameter]:
    """What of the encoder is trained once it is released; the rest needs no gradient. Raises ValueError where the
    adaptation finds nothing to train."""
    adaptation = adaptations.get(job.adaptation)
    try:
        adaptation.check(encoder)
    except ValueError as error:
        raise ValueError(f"adaptation {job.adaptation}: {job.backbone} {error}") from None
    released = adaptation.trained_parameters(encoder)
    encoder.requires_grad_(False)
    for each in released:
        each.requires_grad_(True)
    return released
