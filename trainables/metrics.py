"""What a classifier is judged by.

Every metric takes `labels` (N,) whole numbers in 0..C-1 and `p` (N, C) probabilities, and returns a float, or None
where it is not defined: no images at all, or (for all but the proper scores) a class without images. Class 1 is the
positive one of two.
"""

from collections.abc import Callable
from difflib import get_close_matches

import numpy as np
import sklearn.metrics as sk

CLIP = 1e-7
"""Probabilities are kept this far from 0 before their logarithm is taken."""


def auc(labels: np.ndarray, p: np.ndarray) -> float | None:
    """Area under the ROC curve, ties counted half. More than two classes: mean over classes, each against the rest."""
    return _one_vs_rest(sk.roc_auc_score, labels, p)


def auprc(labels: np.ndarray, p: np.ndarray) -> float | None:
    """Average precision, sum of (recall step x precision), no interpolation. More than two classes: mean, each
    against the rest."""
    return _one_vs_rest(sk.average_precision_score, labels, p)


def balanced_accuracy(labels: np.ndarray, p: np.ndarray) -> float | None:
    """Mean over the classes of the share of their images that are given their class (the one of the largest
    probability)."""
    labels, p = _checked(labels, p)
    return float(sk.balanced_accuracy_score(labels, p.argmax(1))) if _complete(labels, p) else None


def macro_f1(labels: np.ndarray, p: np.ndarray) -> float | None:
    """Mean over *all* classes, the negative one too, of 2 TP / (2 TP + FP + FN)."""
    labels, p = _checked(labels, p)
    return float(sk.f1_score(labels, p.argmax(1), average="macro", zero_division=0.0)) if _complete(labels, p) else None


def brier(labels: np.ndarray, p: np.ndarray) -> float | None:
    """Mean squared error of the probabilities: (p_1 - y)^2 for two classes, the sum over classes for more (so 0..2)."""
    labels, p = _checked(labels, p)
    if not len(labels):
        return None
    squares = ((p - np.eye(p.shape[1])[labels]) ** 2).sum(1)
    return float(squares.mean() / (2 if p.shape[1] == 2 else 1))


def log_loss(labels: np.ndarray, p: np.ndarray) -> float | None:
    """Mean of -ln(probability of the true class), clipped at `CLIP`, in nats."""
    labels, p = _checked(labels, p)
    if not len(labels):
        return None
    return float(-np.log(np.clip(p[np.arange(len(labels)), labels], CLIP, 1.0)).mean())


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float | None]] = {
    each.__name__: each for each in (auc, auprc, balanced_accuracy, macro_f1, brier, log_loss)
}
SMALLER_IS_BETTER = frozenset({"brier", "log_loss"})


def evaluate(labels: np.ndarray, p: np.ndarray) -> dict[str, float | None]:
    """Every metric by name."""
    return {name: metric(labels, p) for name, metric in METRICS.items()}


def get(name: str) -> Callable[[np.ndarray, np.ndarray], float | None]:
    """The metric called `name`. Raises ValueError naming the nearest one there is."""
    if name not in METRICS:
        raise ValueError(
            f"there is no metric {name!r}; nearest: {get_close_matches(name, METRICS, n=1, cutoff=0.0)[0]!r}"
        )
    return METRICS[name]


def objective(name: str, value: float | None) -> float | None:
    """The metric's value turned so that larger is better."""
    return -value if value is not None and name in SMALLER_IS_BETTER else value


def _one_vs_rest(metric: Callable[..., float], labels: np.ndarray, p: np.ndarray) -> float | None:
    labels, p = _checked(labels, p)
    if not _complete(labels, p):
        return None
    classes = [1] if p.shape[1] == 2 else range(p.shape[1])
    return float(np.mean([metric(labels == c, p[:, c]) for c in classes]))


def _complete(labels: np.ndarray, p: np.ndarray) -> bool:
    return len(np.unique(labels)) == p.shape[1]


def _checked(labels: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, p = np.asarray(labels, dtype=np.int64), np.asarray(p, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] < 2 or labels.shape != p.shape[:1]:
        raise ValueError(f"metrics want labels (N,) and probabilities (N, C), got {labels.shape} and {p.shape}")
    if len(labels) and not (0 <= labels.min() and labels.max() < p.shape[1]):
        raise ValueError(f"labels lie outside 0..{p.shape[1] - 1}")
    return labels, p
