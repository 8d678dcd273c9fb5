"""What is watched while an encoder is pre-trained. It decides nothing: no checkpoint, no method, no stopping time."""

import dataclasses
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables.contracts import PretrainRow, ProbeTask
from trainables.finetuning import encoder_features
from trainables.pretraining import closed_form
from trainables.scoring import metrics

FOLDS = 3
ROWS = 2_000
"""Images of a task that are probed, at most, and always the same ones. It keeps a probe at seconds."""

CLASSIFIERS = {"knn": closed_form.nearest, "ridge": closed_form.ridge}

EARLY = 0.1
"""Share of the budget in which nothing is warned of: warm-up, filling queues and an untrained encoder look alike."""
STUCK = 0.98
"""Of the trivial loss; a run that learns is well below it after a tenth of its budget. A loss as far above it or more
is no sign of collapse: a contrastive loss may begin there and spread its embeddings well."""
FLAT = 0.1
"""Spread: 0 is one point, 1 the whole sphere. Embeddings with a mean cosine above 0.99 lie below this."""
NARROW = 2.0
"""Effective rank: all embeddings lie close to one line."""
ROOM = 4
"""The rank counts only where it could reach this many times NARROW: few images or dimensions make it small."""
FELL = 0.05
"""Drop of the mean ridge probe (AUC) below the untrained encoder's; folds of some hundred images vary by less."""


def due(step: int, steps: int, times: int, log_every: int) -> bool:
    """Whether a row logged at `step` is probed: the first, the last, and about `times` in between."""
    every = max(log_every, round(steps / times / log_every) * log_every)
    return step in (0, steps) or step % every == 0


def probe(
    encoder: nn.Module,
    tasks: Sequence[ProbeTask],
    *,
    image_size: int,
    window: Sequence[float],
    device: torch.device,
) -> dict[str, Any]:
    """How well the encoder's features tell labelled images apart: AUC of two closed-form classifiers.

    tasks: training patients only; of each at most `ROWS` images are used (`chosen`). A task's AUC is the mean over
    `FOLDS` folds, no patient being on both sides; a fold that lacks a class on either is skipped, and a task without
    folds gets None.

    Returns {"probe_knn", "probe_ridge": means over tasks or None, "probes": {task: {"knn", "ridge"}}}. The encoder,
    its training flags and all random states are afterwards as they were before.
    """
    low, high = window
    found = {}
    with untouched(encoder, device):
        for task in map(chosen, tasks):
            features = [torch.zeros(0)]
            batch = encoder_features.EMBED_BATCH  # images take far more memory than features
            for start in range(0, len(task.rows), batch):
                rows = task.rows[start : start + batch]
                pixels = encoder_features.images(task.images, rows, size=image_size, window=(low, high))
                features.append(encoder_features.embed(encoder, pixels, device))
            found[task.name] = evaluate(torch.cat(features), task)
    return {f"probe_{name}": _mean([each[name] for each in found.values()]) for name in CLASSIFIERS} | {"probes": found}


@contextmanager
def untouched(encoder: nn.Module, device: torch.device) -> Iterator[None]:
    """Puts back each module's training flag and the random states of the CPU and `device`.

    A compiled network runs as it was written meanwhile: compiling it for evaluation, too, takes minutes, and counts
    towards the number of times after which torch gives up compiling what is trained.
    """
    layers = list(encoder.modules())
    training = [layer.training for layer in layers]
    compiled = [layer.__dict__.pop("_compiled_call_impl", None) for layer in layers]
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        for layer, flag, call in zip(layers, training, compiled, strict=True):
            layer.training = flag
            if call is not None:
                layer._compiled_call_impl = call


def chosen(task: ProbeTask) -> ProbeTask:
    """The task cut down to `ROWS` images: each patient keeps at most so many, evenly spaced, that all fit.

    Images of one patient are alike, so many patients with a few say more than a few with many. Only ids and the order
    of rows matter. With more patients than `ROWS`, those whose ids come first in a fixed shuffle stay.
    """
    of: dict[Any, list[int]] = defaultdict(list)
    for place, patient in enumerate(task.patients):
        of[patient].append(place)
    kept = sorted(of, key=lambda each: _draw(task.name, each))[:ROWS]
    sizes = np.array([len(of[patient]) for patient in kept])
    most = max((k for k in range(1, ROWS + 1) if np.minimum(sizes, k).sum() <= ROWS), default=1)
    places = sorted(place for patient in kept for place in _spaced(of[patient], most))
    return dataclasses.replace(
        task,
        rows=[task.rows[place] for place in places],
        labels=[task.labels[place] for place in places],
        patients=[task.patients[place] for place in places],
    )


def evaluate(features: Tensor, task: ProbeTask) -> dict[str, float | None]:
    """Classifier -> AUC, mean over folds, of features (N, D), which have the task's order."""
    labels, scores = torch.as_tensor(task.labels), defaultdict(list)
    if torch.isfinite(features).all():
        for fold in folds(task):
            train, test = closed_form.standardised(features[~fold], features[fold])
            for name, classifier in CLASSIFIERS.items():
                p = classifier(train, labels[~fold], test, task.classes)
                scores[name].append(metrics.auc(labels[fold].numpy(), p.numpy()))
    return {name: _mean(scores[name]) for name in CLASSIFIERS}


def folds(task: ProbeTask) -> list[Tensor]:
    """Masks (N,) of test images. Patients are dealt out class by class (their most frequent one), each class in an
    order that follows from the ids; a fold with a class missing on either side is left out."""
    labels, of = np.asarray(task.labels), defaultdict(list)
    for patient, label in zip(task.patients, task.labels, strict=True):
        of[patient].append(label)
    order = sorted(of, key=lambda each: (Counter(of[each]).most_common(1)[0][0], _draw(task.name, each)))
    fold_of = {patient: place % FOLDS for place, patient in enumerate(order)}
    fold = np.array([fold_of[patient] for patient in task.patients], dtype=np.int64)
    masks = [fold == number for number in range(FOLDS)]
    whole = task.classes
    return [torch.from_numpy(m) for m in masks if len(set(labels[m])) == whole == len(set(labels[~m]))]


def warning(
    row: PretrainRow, history: Sequence[PretrainRow] = (), *, steps: int, room: int | None = None
) -> str | None:
    """What a history row says about collapse, in words; None where nothing is wrong or nothing is known.

    history: the rows before it, the first of which may hold the untrained encoder's probe. room: the largest effective
    rank that was possible, min(B, D) of the embeddings.
    """
    if row.step < EARLY * steps:
        return None
    signs = []
    if row.loss_over_trivial is not None and STUCK < row.loss_over_trivial < 1 / STUCK:
        signs.append("the loss stands at its trivial value")
    if row.spread is not None and row.spread < FLAT:
        signs.append("the embeddings hardly differ")
    if row.rank is not None and row.rank < NARROW and (room is None or room >= ROOM * NARROW):
        signs.append("the embeddings use one direction")
    before, now = history[0].probe_ridge if history and history[0].step == 0 else None, row.probe_ridge
    if before is not None and now is not None and now < before - FELL:
        signs.append(f"the ridge probe fell below the untrained encoder's, from {before:.2f} to {now:.2f}")
    return ", ".join(signs) or None


def _spaced(places: list[int], most: int) -> list[int]:
    return [places[k * len(places) // most] for k in range(most)] if len(places) > most else places


def _draw(*parts: Any) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
