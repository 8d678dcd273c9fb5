"""From images to patients: one label and one prediction for all images of a patient."""

from collections.abc import Sequence

import numpy as np

RULES = ("mean", "max")


def several(patients: Sequence[int] | None) -> bool:
    """Whether some patient has more than one image."""
    return patients is not None and len(set(patients)) < len(patients)


def gathered(
    patients: Sequence[int] | np.ndarray, labels: np.ndarray, p: np.ndarray, *, rule: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """Labels and probabilities with a row a patient, in the order of their numbers.

    A patient is positive (has a finding) if one of the images is. The probability is the mean over the images, or by
    rule "max" the largest one of the positive (of each finding); of more than two classes the largest of each class,
    scaled to a sum of 1. None where images of one patient belong to different ones of more than two classes: such
    labels are of images, and a patient has none.
    """
    _, which = np.unique(np.asarray(patients, dtype=np.int64), return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.flatnonzero(np.diff(which[order], prepend=-1))
    labels, p = labels[order], p[order]
    by_label = np.maximum.reduceat(labels, starts) if len(starts) else labels
    if labels.ndim == 1 and p.shape[1] > 2 and len(starts) and np.any(by_label != np.minimum.reduceat(labels, starts)):
        return None
    if rule == "mean":
        counts = np.diff(starts, append=len(p))[:, None]
        return by_label, np.add.reduceat(p, starts) / counts if len(starts) else p
    largest = np.maximum.reduceat(p, starts) if len(starts) else p
    if labels.ndim == 1 and p.shape[1] == 2:
        return by_label, np.stack([1 - largest[:, 1], largest[:, 1]], 1)
    return by_label, largest if labels.ndim == 2 else largest / largest.sum(1, keepdims=True)
