"""Decisions by a threshold that validation chose: what they score on a test set.

A finding, or the positive of two classes, is given where its probability lies *above* the threshold. Thresholds lie
half-way between neighbouring probabilities of the validation images.
"""

import numpy as np

from trainables.scoring import metrics

USUAL = 0.5


def youden(positive: np.ndarray, p: np.ndarray) -> float:
    """The threshold with the largest sensitivity + specificity - 1 (Youden 1950), which is that of the largest balanced
    accuracy; of equal ones the one nearest to 0.5.

    0.5 where there is nothing to choose by: no positive or no negative image, or no threshold better than chance.
    """
    if not 0 < positive.sum() < len(positive):
        return USUAL
    between = _between(p)
    gain = _share_up_to(between, p[~positive]) - _share_up_to(between, p[positive])
    best = gain.max(initial=0.0)
    if best <= 0:
        return USUAL
    equal = between[gain >= best - 1e-12]
    return float(equal[np.abs(equal - USUAL).argmin()])


def at_specificity(positive: np.ndarray, p: np.ndarray, specificity: float) -> float | None:
    """The smallest threshold with at least this specificity, so with the largest sensitivity; None without negatives.

    Where only giving nothing reaches it, the threshold is 1.
    """
    negative = p[~positive]
    if not len(negative):
        return None
    between = _between(p)
    enough = between[_share_up_to(between, negative) >= specificity]
    return float(enough.min(initial=1.0))


def evaluate(
    labels: metrics.Labels,
    p: np.ndarray,
    val_labels: metrics.Labels,
    val_p: np.ndarray,
    *,
    specificity: float = 0.9,
    positive: int | None = None,
) -> dict[str, float | None]:
    """Metrics of decisions on (labels, p) by thresholds chosen on the validation images, with their names.

    `sensitivity_at_specificity_S`: sensitivity at the threshold that has the specificity S on validation, and beside it
    `specificity_realised_S`: the specificity that this threshold then has here. More than two classes: mean over
    classes, each against the rest, or class `positive` against the rest where one is named; multi-label: mean over the
    findings that have both kinds of images here, and a threshold.

    `balanced_accuracy_at_threshold`, `macro_f1_at_threshold`: as in `metrics`, at each finding's `youden` threshold.
    More than two classes have no such threshold and lack these names.
    """
    labels, p = metrics.checked(labels, p)
    val_labels, val_p = metrics.checked(val_labels, val_p)
    here, there = metrics.against_rest(labels, p), metrics.against_rest(val_labels, val_p)
    found: dict[str, float | None] = {}
    if labels.ndim == 2 or p.shape[1] == 2:
        given = np.stack([s > youden(*chosen_on) for (_, s), chosen_on in zip(here, there, strict=True)], 1)
        decided = given.astype(float) if labels.ndim == 2 else np.eye(2)[given[:, 0].astype(int)]
        found["balanced_accuracy_at_threshold"] = metrics.balanced_accuracy(labels, decided)
        found["macro_f1_at_threshold"] = metrics.macro_f1(labels, decided)
    elif positive is not None:
        here, there = [here[positive]], [there[positive]]
    sensitivities: list[float | None] = []
    specificities: list[float | None] = []
    for (y, s), chosen_on in zip(here, there, strict=True):
        threshold = at_specificity(*chosen_on, specificity)
        defined = threshold is not None and 0 < y.sum() < len(y)
        sensitivities.append(float((s[y] > threshold).mean()) if defined else None)
        specificities.append(float((s[~y] <= threshold).mean()) if defined else None)
    found[f"sensitivity_at_specificity_{specificity:g}"] = metrics.mean_of(sensitivities, labels)
    found[f"specificity_realised_{specificity:g}"] = metrics.mean_of(specificities, labels)
    return found


def _between(p: np.ndarray) -> np.ndarray:
    values = np.unique(p)
    return (values[:-1] + values[1:]) / 2


def _share_up_to(thresholds: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(p), thresholds, side="right") / len(p)
