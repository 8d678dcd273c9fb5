"""The linear probe: a logistic regression on the features of an encoder that stays as it is."""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from study.data import cache
from trainables import adaptations, device, encoders, records
from trainables.classifier import probabilities

ITERATIONS = 1000


def run(job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Fit the probe on `job["train"]` and yield one record; `step` counts the optimiser's iterations.

    Features come from `job["features"]`, or (None) are computed here. Nothing is random, so the seed matters only
    where the encoder itself is made from it. Raises ValueError for settings, rows or features that make no sense.
    """
    settings = adaptations.get("linear").resolve(job["settings"])
    records.check(job)
    with device.threads(job["threads"]):
        spent = records.Spent()
        with spent.time(computing=False):
            all_features = _job_features(job) if job["features"] is None else read_features(job["features"])
        with spent.time(computing=True):
            probe = Probe(all_features[job["train"]], job["train_labels"], job["classes"], **settings)
            p_val = probe.predict(all_features[job["val"]])
        count = len(job["train"])
        record = records.epoch(job, p_val, epoch=1, step=probe.iterations, images=count, loss=probe.loss)
        facts = {"epochs": 1, "images": count, "device": "cpu", "threads": job["threads"]}
        record["result"] = records.outcome(job, p_val, lambda rows: probe.predict(all_features[rows]), spent, **facts)
        yield record


class Probe:
    """Multinomial logistic regression: argmin over (W, b) of mean cross-entropy + weight_decay / 2 * |W|^2, by L-BFGS
    in float64.

    Features (N, D) are standardised by the training rows' own mean and deviation; a constant one becomes 0. `loss` is
    the mean cross-entropy on the training rows, without the penalty.
    """

    def __init__(self, features: np.ndarray, labels: list[int], classes: int, *, weight_decay: float) -> None:
        x = torch.from_numpy(features.astype(np.float64))
        self.mean, spread = x.mean(0), x.std(0, correction=0)
        # Rounding leaves a constant feature a deviation of about 1e-16 of its size.
        self.deviation = torch.where(spread > 1e-7 * self.mean.abs().clamp(min=1e-12), spread, torch.inf)
        x, y = self._standardised(features), torch.as_tensor(labels)
        hot = torch.nn.functional.one_hot(y, classes).double()
        size = x.shape[1]

        def penalised(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights = torch.from_numpy(flat).view(size + 1, classes)
            log_p = torch.log_softmax(torch.addmm(weights[-1], x, weights[:-1]), 1)
            residual = (log_p.exp() - hot) / len(x)
            slope = torch.cat([x.T @ residual + weight_decay * weights[:-1], residual.sum(0, keepdim=True)])
            value = -(hot * log_p).sum() / len(x) + weight_decay / 2 * weights[:-1].square().sum()
            return value.item(), slope.flatten().numpy()

        start = np.zeros((size + 1) * classes)
        fit = minimize(penalised, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "gtol": 1e-6})
        self.weights = torch.from_numpy(fit.x).view(size + 1, classes)
        self.iterations = int(fit.nit)
        self.loss = torch.nn.functional.cross_entropy(self._logits(x), y).item()

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (N, classes) of features (N, D)."""
        return probabilities(self._logits(self._standardised(features)))

    def _standardised(self, features: np.ndarray) -> Tensor:
        return (torch.from_numpy(features.astype(np.float64)) - self.mean) / self.deviation

    def _logits(self, x: Tensor) -> Tensor:
        return torch.addmm(self.weights[-1], x, self.weights[:-1])


def features(
    encoder_ref: Mapping[str, str] | None,
    backbone: str,
    images_ref: Mapping[str, str],
    size: int,
    window: tuple[float, float],
    threads: int,
    seed: int,
) -> np.ndarray:
    """Features (N, D), float32, of every image of the store under the encoder, or (None) under a random one of `seed`.

    Raises RuntimeError if the encoder is not bit for bit what it was before.
    """
    with device.threads(threads):
        where = device.choose()
        encoder = device.place(encoders.encoder(backbone, encoder_ref, seed=seed), where)
        before = encoders.state_hash(encoder)
        pixels = device.hold(encoders.images(images_ref, None, size=size, window=window), where)
        found = encoders.embed(encoder, pixels, where).numpy()
        if encoders.state_hash(encoder) != before:
            raise RuntimeError(f"the encoder ({backbone}) changed while its features were computed: it is not frozen")
    return found


def write_features(job: Mapping[str, Any], path: str | os.PathLike[str]) -> dict[str, str]:
    """Compute `features` for a job's encoder and images and leave them at `path` (.npy) whole or not at all.

    The job's backbone, encoder, images, image_size, window, threads and (for no encoder) seed are read. Returns
    {"uri", "digest"}.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, _job_features(job), allow_pickle=False)
    content = buffer.getvalue()
    beside = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return {"uri": str(target), "digest": hashlib.sha256(content).hexdigest()}


def read_features(ref: Mapping[str, str]) -> np.ndarray:
    """The features (N, D) written under (uri, digest). Raises ValueError naming the file if its bytes are not those."""
    content = Path(cache.local(ref)).read_bytes()
    if hashlib.sha256(content).hexdigest() != ref["digest"]:
        raise ValueError(f"{ref['uri']}: not the features that were written (their digest differs); remove the file")
    return np.load(io.BytesIO(content), allow_pickle=False)


def _job_features(job: Mapping[str, Any]) -> np.ndarray:
    return features(
        job["encoder"],
        job["backbone"],
        job["images"],
        job["image_size"],
        job["window"],
        job["threads"],
        job["seed"] if job["encoder"] is None else 0,
    )
