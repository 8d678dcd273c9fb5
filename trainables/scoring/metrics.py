"""What a classifier is judged by.

Every metric takes labels and probabilities `p` and returns a float, or None where it is not defined: no images at all,
or (for all but the proper scores and the calibration error) a class without images. There are two kinds of labels:

- one class an image: labels (N,) whole numbers in 0..C-1, `p` (N, C) with rows that sum to 1. Class 1 is the positive
  one of two.
- findings that come together (multi-label): labels (N, F) of 0 and 1, `p` (N, F), each finding for itself. A metric is
  the mean over the findings for which it is defined (both present and absent somewhere).
"""

from collections.abc import Callable

import numpy as np
import sklearn.metrics as sk

from study.suggestions import did_you_mean
from study.vocabulary import METRIC_NAMES, SMALLER_IS_BETTER

CLIP = 1e-7
"""Probabilities are kept this far from 0 before their logarithm is taken."""
BINS = 15
"""Of equal width, for the calibration error, as in Guo et al. 2017, arXiv 1706.04599."""

Labels = np.ndarray | list
Pair = tuple[np.ndarray, np.ndarray]


def auc(labels: Labels, p: np.ndarray) -> float | None:
    """Area under the ROC curve, ties counted half. More than two classes: mean over classes, each against the rest."""
    return _mean_over(sk.roc_auc_score, *checked(labels, p))


def auprc(labels: Labels, p: np.ndarray) -> float | None:
    """Average precision, sum of (recall step x precision), no interpolation. More than two classes: mean, each
    against the rest."""
    return _mean_over(sk.average_precision_score, *checked(labels, p))


def accuracy(labels: Labels, p: np.ndarray) -> float | None:
    """The share of images that are given their class (the one of the largest probability), or, over findings, the mean
    share of the images in which a finding is told rightly (given above 0.5)."""
    labels, p = checked(labels, p)
    if not len(labels):
        return None
    return float(((p > 0.5) == labels).mean() if labels.ndim == 2 else (p.argmax(1) == labels).mean())


def balanced_accuracy(labels: Labels, p: np.ndarray) -> float | None:
    """Mean over the classes of the share of their images that are given their class (the one of the largest
    probability; a finding is given above 0.5)."""
    labels, p = checked(labels, p)
    if labels.ndim == 2:
        return _mean_over(lambda y, s: sk.balanced_accuracy_score(y, s > 0.5), labels, p)
    return float(sk.balanced_accuracy_score(labels, p.argmax(1))) if _complete(labels, p) else None


def macro_f1(labels: Labels, p: np.ndarray) -> float | None:
    """Mean over *all* classes, the negative one too, of 2 TP / (2 TP + FP + FN); over findings, of the findings'."""
    labels, p = checked(labels, p)
    if labels.ndim == 2:
        return _mean_over(lambda y, s: sk.f1_score(y, s > 0.5, zero_division=0.0), labels, p)
    return float(sk.f1_score(labels, p.argmax(1), average="macro", zero_division=0.0)) if _complete(labels, p) else None


def brier(labels: Labels, p: np.ndarray) -> float | None:
    """Mean squared error of the probabilities: (p_1 - y)^2 for two classes, the sum over classes for more (so 0..2);
    (p - y)^2 averaged over findings."""
    labels, p = checked(labels, p)
    if not len(labels):
        return None
    if labels.ndim == 2:
        return float(((p - labels) ** 2).mean())
    squares = ((p - np.eye(p.shape[1])[labels]) ** 2).sum(1)
    return float(squares.mean() / (2 if p.shape[1] == 2 else 1))


def log_loss(labels: Labels, p: np.ndarray) -> float | None:
    """Mean of -ln(probability of what is true: the class, or a finding's presence or absence), clipped at `CLIP`, in
    nats."""
    labels, p = checked(labels, p)
    if not len(labels):
        return None
    true = np.where(labels == 1, p, 1 - p) if labels.ndim == 2 else p[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(true, CLIP, 1.0)).mean())


def ece(labels: Labels, p: np.ndarray) -> float | None:
    """Expected calibration error: sum over `BINS` bins of equal width of (share of images) x |observed - predicted|.

    Two classes, and each finding: by the probability of the positive. More classes: by the largest probability, and
    how often it is right (Guo et al. 2017). On small sets it is biased upward, since each bin's share of positives is
    itself uncertain: read it beside the Brier score and the log loss.
    """
    labels, p = checked(labels, p)
    if not len(labels):
        return None
    if labels.ndim == 1 and p.shape[1] > 2:
        return _calibration_error(p.argmax(1) == labels, p.max(1))
    return float(np.mean([_calibration_error(y, s) for y, s in against_rest(labels, p)]))


METRICS: dict[str, Callable[[Labels, np.ndarray], float | None]] = {name: globals()[name] for name in METRIC_NAMES}
"""The functions above, one for each row of the vocabulary."""


def evaluate(labels: Labels, p: np.ndarray) -> dict[str, float | None]:
    """Every metric by name."""
    return {name: metric(labels, p) for name, metric in METRICS.items()}


def get(name: str) -> Callable[[Labels, np.ndarray], float | None]:
    """The metric called `name`. Raises ValueError naming the nearest one there is."""
    if name not in METRICS:
        raise ValueError(f"there is no metric {name!r}{did_you_mean(name, METRICS)}")
    return METRICS[name]


def objective(name: str, value: float | None) -> float | None:
    """The metric's value turned so that larger is better."""
    return -value if value is not None and name in SMALLER_IS_BETTER else value


def against_rest(labels: np.ndarray, p: np.ndarray) -> list[Pair]:
    """(is it so, how probable) of the positive of two classes, of each of more classes, or of each finding."""
    if labels.ndim == 2:
        return [(labels[:, f] == 1, p[:, f]) for f in range(p.shape[1])]
    return [(labels == c, p[:, c]) for c in ([1] if p.shape[1] == 2 else range(p.shape[1]))]


def checked(labels: Labels, p: np.ndarray) -> Pair:
    """Both as arrays. Raises ValueError where they do not fit each other."""
    labels, p = np.asarray(labels, dtype=np.int64), np.asarray(p, dtype=np.float64)
    several = labels.ndim == 2
    if p.ndim != 2 or labels.shape != (p.shape if several else p.shape[:1]) or (p.shape[1] < 2 and not several):
        raise ValueError(
            f"metrics want labels (N,) or (N, findings) and probabilities (N, C), got {labels.shape} and {p.shape}"
        )
    largest = 1 if several else p.shape[1] - 1
    if labels.size and not (0 <= labels.min() and labels.max() <= largest):
        raise ValueError(f"labels lie outside 0..{largest}")
    return labels, p


def mean_of(values: list[float | None], labels: np.ndarray) -> float | None:
    """Over findings: the mean of those that are defined. Over classes: only where all are."""
    found = [value for value in values if value is not None]
    return float(np.mean(found)) if found and (labels.ndim == 2 or len(found) == len(values)) else None


def _mean_over(metric: Callable[..., float], labels: np.ndarray, p: np.ndarray) -> float | None:
    return mean_of([metric(y, s) if 0 < y.sum() < len(y) else None for y, s in against_rest(labels, p)], labels)


def _complete(labels: np.ndarray, p: np.ndarray) -> bool:
    return len(np.unique(labels)) == p.shape[1]


def _calibration_error(observed: np.ndarray, predicted: np.ndarray) -> float:
    bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, observed, BINS) - np.bincount(bins, predicted, BINS)
    return float(np.abs(gaps).sum() / len(observed))
