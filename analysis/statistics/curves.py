"""Learning curves as functions of the number of labels, and what follows from all of their points together.

A curve is straight between its sizes on the logarithm of the labels, so its height anywhere, its area and its drop are
contrasts of its points' means, whose covariance is known (`joint`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cell_means import Contrast
from .label_efficiency import labels_paid
from .point import Joint, joint
from .points import Placed


@dataclass(frozen=True)
class Curves:
    """The curves of one panel between the sizes that all of its initialisations have, in rising order of labels.

    labels, patients: (S,), medians over runs. joint: the means of initialisations x sizes, in that order. Raises
    NothingShared where they have no draw in common.
    """

    placed: Placed
    initialisations: list[str]
    labels: np.ndarray
    patients: np.ndarray
    joint: Joint

    @property
    def x(self) -> np.ndarray:
        """(S,), the logarithm to base 2 of the labels."""
        return np.log2(self.labels)

    def height(self, initialisation: str, labels: float) -> np.ndarray:
        """(K,), the weights of a curve's height at a number of labels within its sizes."""
        at = np.interp(np.log2(labels), self.x, np.arange(len(self.labels)))
        low = min(int(at), len(self.labels) - 2)
        own = np.zeros(len(self.labels))
        own[low], own[low + 1] = low + 1 - at, at - low
        return self._of(initialisation, own)

    def area(self, initialisation: str) -> np.ndarray:
        """(K,), the weights of a curve's mean height over the logarithm of the labels, by the trapezoid rule."""
        steps = np.diff(self.x)
        own = np.zeros(len(self.labels))
        own[:-1] += steps / 2
        own[1:] += steps / 2
        return self._of(initialisation, own / steps.sum())

    def drop(self, initialisation: str, size: int) -> np.ndarray:
        """(K,), the weights of the largest size's mean less that of another."""
        own = np.zeros(len(self.labels))
        own[-1] += 1
        own[size] -= 1
        return self._of(initialisation, own)

    def contrast(self, weights: np.ndarray) -> Contrast:
        return self.joint.means.contrast(weights)

    def patients_at(self, labels: float) -> float:
        """Patients behind a number of labels, straight between sizes on both logarithms."""
        return float(np.exp(np.interp(np.log2(labels), self.x, np.log(self.patients))))

    def _of(self, initialisation: str, own: np.ndarray) -> np.ndarray:
        weights = np.zeros((len(self.initialisations), len(self.labels)))
        weights[self.initialisations.index(initialisation)] = own
        return weights.ravel()


def panels(points: Sequence[Placed]) -> dict[tuple, list[Placed]]:
    """The points of each panel, by `Placed.panel`."""
    found: dict[tuple, list[Placed]] = defaultdict(list)
    for p in points:
        found[p.panel].append(p)
    return dict(found)


def curves(panel: Sequence[Placed], initialisations: Sequence[str] | None = None) -> Curves | None:
    """Of all initialisations of a panel, or of those named; None unless they have two sizes of different labels."""
    names = list(dict.fromkeys(initialisations or sorted({p.initialisation for p in panel}, key=_scratch_first)))
    by_size: dict[tuple, dict[str, Placed]] = defaultdict(dict)
    for p in panel:
        if p.initialisation in names:
            by_size[p.size][p.initialisation] = p
    common = [own for own in by_size.values() if len(own) == len(names)]
    common.sort(key=_labels)
    labels = np.array([_labels(own) for own in common])
    if len(set(labels.tolist())) < 2 or len(set(labels.tolist())) < len(labels):
        return None
    whole = joint([own[name].point for name in names for own in common])
    patients = np.array([np.median([p.runs["n_patients"].median() for p in own.values()]) for own in common])
    return Curves(panel[0], names, labels, patients, whole)


def _labels(own: dict[str, Placed]) -> float:
    return float(np.median(np.concatenate([labels_paid(p.runs).to_numpy() for p in own.values()])))


def _scratch_first(name: str) -> tuple[bool, str]:
    return name != "scratch", name
