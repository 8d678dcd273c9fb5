"""The linear probe: a logistic regression on the features of an encoder that stays as it is."""

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional

from study import versions
from study.data import node_cache
from trainables import adaptations, device
from trainables.contracts import EpochRecord, FeaturesJob, FileRef, TestSet, TrialJob
from trainables.finetuning import cross_validation, encoder_features, run_result
from trainables.finetuning.classifier import loss_of, probabilities
from trainables.scoring.predictions import labels_of

ITERATIONS = 1000


def run(job: TrialJob) -> Iterator[EpochRecord]:
    """Fit the probe on `job.train` and yield one record; `step` counts the optimiser's iterations.

    With `folds` there is a probe a fold, each scored on its own fold, and a final run tests one more, fitted on all of
    the subset; `step` is then the largest of their iterations, `images` the sum of those that each was fitted on.

    Features come from `job.features`, or (None) are computed here; those of a test set with images of its own are
    computed once a node. Nothing is random, so the seed matters only where the encoder itself is made from it. Raises
    ValueError for settings, rows or features that make no sense.
    """
    settings = adaptations.get(job.adaptation).resolve(job.settings)
    run_result.check(job)
    parts = cross_validation.parts(job)
    with device.threads(job.threads), device.memory_share(job.gpus):
        spent = run_result.Spent()
        with spent.time(computing=False):
            given = features(job) if job.features is None else read_features(job.features)

        def fitted(part: TrialJob) -> Probe:
            labels = labels_of(part, part.train_labels)
            return Probe(given[part.train], labels, job.classes, **settings)

        with spent.time(computing=True):
            scored = [fitted(part) for part in parts]
            p_vals = [probe.predict(given[part.val]) for probe, part in zip(scored, parts, strict=True)]
            whole = cross_validation.whole(job) if job.tests else None
            probes = scored if whole is None else [*scored, fitted(whole)]

        def predict(test: TestSet) -> np.ndarray:
            theirs = given if test.images == job.images else _features_elsewhere(job, test.images)
            return probes[-1].predict(theirs[test.rows])

        step, loss = max(probe.iterations for probe in probes), float(np.mean([probe.loss for probe in probes]))
        images = sum(probe.images for probe in probes)
        record = run_result.epoch(parts, p_vals, epoch=1, step=step, images=images, loss=loss)
        facts = {"epochs": 1, "images": images, "device": "cpu", "threads": job.threads}
        yield dataclasses.replace(record, result=run_result.outcome(job, parts, p_vals, predict, spent, **facts))


class Probe:
    """Logistic regression: argmin over (W, b) of the mean cross-entropy + weight_decay / 2 * |W|^2, by L-BFGS in
    float64.

    Features (N, D) are standardised by the training rows' own mean and deviation; a constant one becomes 0. With labels
    (N,) it is multinomial. With labels (N, findings) of 0 and 1 the findings' cross-entropies are added up, so each is
    a logistic regression of its own. `loss` is the mean cross-entropy on the training rows (and over findings), without
    the penalty; `images` are the training rows, `iterations` the optimiser's.
    """

    def __init__(self, features: np.ndarray, labels: ArrayLike, classes: int, *, weight_decay: float) -> None:
        x = torch.from_numpy(features.astype(np.float64))
        self.mean, spread = x.mean(0), x.std(0, correction=0)
        # Rounding leaves a constant feature a deviation of about 1e-16 of its size.
        self.deviation = torch.where(spread > 1e-7 * self.mean.abs().clamp(min=1e-12), spread, torch.inf)
        x, y = self._standardised(features), torch.as_tensor(labels)
        self.multi, self.images = y.ndim == 2, len(x)
        hot = y.double() if self.multi else functional.one_hot(y, classes).double()
        size = x.shape[1]

        def penalised(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights = torch.from_numpy(flat).view(size + 1, classes)
            logits = torch.addmm(weights[-1], x, weights[:-1])
            if self.multi:
                p, fit = (
                    torch.sigmoid(logits),
                    -functional.binary_cross_entropy_with_logits(logits, hot, reduction="sum"),
                )
            else:
                log_p = torch.log_softmax(logits, 1)
                p, fit = log_p.exp(), (hot * log_p).sum()
            residual = (p - hot) / len(x)
            slope = torch.cat([x.T @ residual + weight_decay * weights[:-1], residual.sum(0, keepdim=True)])
            value = -fit / len(x) + weight_decay / 2 * weights[:-1].square().sum()
            return value.item(), slope.flatten().numpy()

        start = np.zeros((size + 1) * classes)
        found = minimize(penalised, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "gtol": 1e-6})
        self.weights = torch.from_numpy(found.x).view(size + 1, classes)
        self.iterations = int(found.nit)
        self.loss = loss_of(self._logits(x), hot if self.multi else y, smoothing=0.0).item()

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (N, classes) of features (N, D)."""
        return probabilities(self._logits(self._standardised(features)), multi=self.multi)

    def _standardised(self, features: np.ndarray) -> Tensor:
        return (torch.from_numpy(features.astype(np.float64)) - self.mean) / self.deviation

    def _logits(self, x: Tensor) -> Tensor:
        return torch.addmm(self.weights[-1], x, self.weights[:-1])


def features(job: TrialJob | FeaturesJob) -> np.ndarray:
    """Features (N, D), float32, of every image of the job's store under its encoder, or (None) one of its seed.

    Raises RuntimeError if the encoder is not bit for bit what it was before.
    """
    seed = job.seed if job.encoder is None else 0
    with device.threads(job.threads):
        where = device.choose(job.gpus)
        encoder = device.place(
            encoder_features.encoder(job.backbone, job.encoder, seed=seed, image_size=job.image_size), where
        )
        before = encoder_features.state_hash(encoder)
        found = encoder_features.embed(encoder, encoder_features.job_images(job, job.images, None), where).numpy()
        if encoder_features.state_hash(encoder) != before:
            raise RuntimeError(
                f"the encoder ({job.backbone}) changed while its features were computed: it is not frozen"
            )
    return found


def write_features(job: TrialJob | FeaturesJob, uri: str | os.PathLike[str]) -> FileRef:
    """Compute `features` for a job's encoder and images and leave them at `uri` (a path or URL, .npy) whole or not at
    all."""
    buffer = io.BytesIO()
    np.save(buffer, features(job), allow_pickle=False)
    content = buffer.getvalue()
    node_cache.put(os.fspath(uri), content)
    return FileRef(os.fspath(uri), hashlib.sha256(content).hexdigest())


def read_features(ref: FileRef) -> np.ndarray:
    """The features (N, D) written under (uri, digest), as a memory map. Raises ValueError naming the file if its bytes
    are not those."""
    path = Path(node_cache.local(ref))
    about = path.stat()
    if _digest(path, about.st_mtime_ns, about.st_size) != ref.digest:
        raise ValueError(f"{ref.uri}: not the features that were written (their digest differs); remove the file")
    return np.load(path, mmap_mode="r", allow_pickle=False)


@lru_cache(maxsize=256)
def _digest(path: Path, changed: int, size: int) -> str:
    """The sha256 of a file's bytes, computed once a process while time of change and size are the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _features_elsewhere(job: TrialJob, images: FileRef) -> np.ndarray:
    """Features of all images of another store under the job's encoder, kept in the node's cache for all its workers."""
    encoder = job.encoder
    drawn = job.seed if encoder is None else encoder.digest
    what = [job.backbone, drawn, images.digest, job.image_size, list(job.window)]
    name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
    path = node_cache.folder() / f"features-v{versions.FEATURES}-{name}.npy"
    with FileLock(f"{path}.lock"):
        if not path.exists():
            write_features(job.but(images=images), path)
    return np.load(path, mmap_mode="r", allow_pickle=False)
