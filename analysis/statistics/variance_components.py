"""How much each patient of a test set moves a score.

Every function gives *components*: one number a patient, centred on zero, scaled so that the sum of their squares is
the sampling variance of the score over new patients. Several images of one patient are summed before they are squared
(Obuchowski, Biometrics 1997), and the components of two runs on one test set may be averaged or subtracted patient by
patient, which is how a mean over runs or a paired difference gets its variance. AUC uses placement values (DeLong,
Biometrics 1988), found by sorting (after Sun and Xu, IEEE Signal Processing Letters 2014).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from study.vocabulary import REPORTED

EPS = 1e-7
JACKKNIFE_GROUPS = 200


class NoComponents(ValueError):
    """A test set from which no sampling variance can be had; the message says why."""


@dataclass(frozen=True)
class Components:
    """`values`: one a patient (or jackknife group), the sum of their squares is the variance of the score `estimate`.

    `patients` names the patients in a fixed order: components are comparable where it is the same.
    `df` is the degrees of freedom of that variance: the patients of the rarest class less one, or all less one for a
    mean over images.
    """

    estimate: float
    values: np.ndarray
    patients: tuple[Hashable, ...]
    df: int

    @property
    def variance(self) -> float:
        return float(np.sum(self.values**2))


def components(metric: str, labels: np.ndarray, p: np.ndarray, patients: np.ndarray) -> Components:
    """Components of `metric` for labels (N,) of 0..C-1, probabilities p (N, C) and the patient of each image (N,).

    The positive class of two is class 1; with more, AUC and AUPRC are the mean over classes of one against the rest.
    Findings that come together, labels (N, F) of 0 and 1 and p (N, F), give the mean over those both present and absent
    somewhere. Raises NoComponents where a class or the whole set has fewer than two patients, and for a metric without
    any.
    """
    labels, p = np.asarray(labels, dtype=np.int64), np.asarray(p, dtype=np.float64)
    if labels.ndim == 1:
        return _of_classes(metric, labels, p, patients)
    defined = [f for f in range(labels.shape[1]) if metric in _OF_IMAGES or 0 < labels[:, f].sum() < len(labels)]
    if not defined:
        raise NoComponents("no finding is both present and absent in the test set")
    found = [_of_classes(metric, labels[:, f], np.stack([1 - p[:, f], p[:, f]], 1), patients) for f in defined]
    return mean_components(found)


def mean_components(parts: Sequence[Components]) -> Components:
    """Components of the mean of several scores on one test set; ValueError where the test patients differ."""
    if len({c.patients for c in parts}) > 1:
        raise ValueError("the runs were scored on different test patients")
    values = np.mean([c.values for c in parts], axis=0)
    return Components(float(np.mean([c.estimate for c in parts])), values, parts[0].patients, min(c.df for c in parts))


def mean_of_folds(parts: Sequence[Components]) -> Components:
    """Components of the mean of scores on test sets of patients of their own: V is the sum of the V over F squared."""
    names = sorted({name for c in parts for name in c.patients}, key=str)
    place = {name: k for k, name in enumerate(names)}
    values = np.zeros(len(names))
    for c in parts:
        np.add.at(values, [place[name] for name in c.patients], c.values / len(parts))
    return Components(float(np.mean([c.estimate for c in parts])), values, tuple(names), sum(c.df for c in parts))


def _of_classes(metric: str, labels: np.ndarray, p: np.ndarray, patients: np.ndarray) -> Components:
    names, cluster = np.unique(np.asarray(patients), return_inverse=True)
    if metric not in _METRICS:
        raise NoComponents(f"how much a patient moves {metric} is not known here")
    if len(names) < 2:
        raise NoComponents("the test set holds fewer than two patients")
    fewest = len(names)
    if metric not in _OF_IMAGES:
        per_class = [_count(cluster[labels == c]) for c in _classes(labels)]
        if len(per_class) < 2:
            raise NoComponents("the test set holds one class only")
        if min(per_class) < 2:
            raise NoComponents("a class of the test set holds one patient only")
        fewest = min(fewest, *per_class)
    estimate, values = _METRICS[metric](labels, p, cluster)
    return Components(float(estimate), values, tuple(names.tolist()), fewest - 1)


def _classes(labels: np.ndarray) -> list[int]:
    """Those that occur."""
    return np.flatnonzero(np.bincount(labels)).tolist()


def _count(cluster: np.ndarray) -> int:
    """How many patients there are."""
    return int(np.count_nonzero(np.bincount(cluster)))


def placements(scores: np.ndarray, positive: np.ndarray) -> tuple[float, np.ndarray]:
    """(AUC, placement values (N,)): the share of the other class an image is ranked rightly against, ties a half."""
    values = np.empty(len(scores))
    values[positive] = _ranked_above(scores[positive], scores[~positive])
    values[~positive] = 1 - _ranked_above(scores[~positive], scores[positive])
    return float(values[positive].mean()), values


def _ranked_above(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,), the share of the others that lie below each score, ties a half."""
    others = np.sort(others)
    below, up_to = np.searchsorted(others, scores, "left"), np.searchsorted(others, scores, "right")
    return (below + up_to) / (2 * len(others))


def _stratum(centred: np.ndarray, members: np.ndarray, cluster: np.ndarray, clusters: int) -> np.ndarray:
    """Each patient's part in the mean of `centred` over `members`, corrected for a centre estimated from k patients."""
    k = _count(cluster[members])
    correction = np.sqrt(k / (k - 1)) if k > 1 else 1.0
    return np.bincount(cluster[members], weights=centred[members], minlength=clusters) * correction / members.sum()


def _auc(labels: np.ndarray, p: np.ndarray, cluster: np.ndarray) -> tuple[float, np.ndarray]:
    clusters, parts, estimates = int(cluster.max()) + 1, [], []
    for scores, positive in _one_vs_rest(labels, p):
        auc, placed = placements(scores, positive)
        estimates.append(auc)
        centred = placed - auc
        parts.append(_stratum(centred, positive, cluster, clusters) + _stratum(centred, ~positive, cluster, clusters))
    return float(np.mean(estimates)), np.mean(parts, axis=0)


def _one_vs_rest(labels: np.ndarray, p: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    classes = [1] if p.shape[1] == 2 else _classes(labels)
    return [(p[:, c], labels == c) for c in classes]


def _mean_of(loss: np.ndarray, cluster: np.ndarray) -> tuple[float, np.ndarray]:
    everything = np.ones(len(loss), dtype=bool)
    return float(loss.mean()), _stratum(loss - loss.mean(), everything, cluster, int(cluster.max()) + 1)


def _brier(labels: np.ndarray, p: np.ndarray, cluster: np.ndarray) -> tuple[float, np.ndarray]:
    squares = np.sum((p - np.eye(p.shape[1])[labels]) ** 2, axis=1)
    return _mean_of(squares / 2 if p.shape[1] == 2 else squares, cluster)


def _log_loss(labels: np.ndarray, p: np.ndarray, cluster: np.ndarray) -> tuple[float, np.ndarray]:
    own = np.clip(p[np.arange(len(labels)), labels] / p.sum(axis=1), EPS, 1)
    return _mean_of(-np.log(own), cluster)


def _balanced_accuracy(labels: np.ndarray, p: np.ndarray, cluster: np.ndarray) -> tuple[float, np.ndarray]:
    hit, clusters = (p.argmax(axis=1) == labels).astype(float), int(cluster.max()) + 1
    classes = _classes(labels)
    recalls = {c: hit[labels == c].mean() for c in classes}
    parts = [_stratum(hit - recalls[c], labels == c, cluster, clusters) for c in classes]
    return float(np.mean(list(recalls.values()))), np.mean(parts, axis=0)


def _auprc(labels: np.ndarray, p: np.ndarray, cluster: np.ndarray) -> tuple[float, np.ndarray]:
    pairs = _one_vs_rest(labels, p)
    return _jackknife(lambda w: float(np.mean([_average_precision(s, y, w) for s, y in pairs])), cluster)


def _jackknife(statistic: Callable[[np.ndarray], float], cluster: np.ndarray) -> tuple[float, np.ndarray]:
    """Delete-a-patient jackknife; above JACKKNIFE_GROUPS patients, delete-a-group with patients dealt in turn."""
    clusters = int(cluster.max()) + 1
    groups = min(clusters, JACKKNIFE_GROUPS)
    group = cluster % groups
    without = np.array([statistic((group != g).astype(float)) for g in range(groups)])
    values = np.sqrt((groups - 1) / groups) * (without.mean() - without)
    return statistic(np.ones(len(cluster))), values


def _average_precision(scores: np.ndarray, positive: np.ndarray, weight: np.ndarray) -> float:
    """Average precision with weights of 0 or 1, equal scores taken as one step, as scikit-learn defines it."""
    order = np.argsort(-scores, kind="stable")
    hits, seen = np.cumsum((weight * positive)[order]), np.cumsum(weight[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits, seen = hits[ends], seen[ends]
    if hits[-1] == 0:
        raise NoComponents("leaving one patient out leaves no positive image")
    return float(np.sum(np.diff(hits, prepend=0) * hits / np.maximum(seen, 1)) / hits[-1])


_OF_IMAGES = frozenset(metric.name for metric in REPORTED if metric.smaller_is_better)
"""Losses: means over images, whatever their class."""

_METRICS: dict[str, Callable] = {
    metric.name: globals()[f"_{metric.name}"] for metric in REPORTED if f"_{metric.name}" in globals()
}
"""The functions above that are called like a metric; a reported metric without one has no interval for new patients."""
