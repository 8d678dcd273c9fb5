"""Class imbalance: a training part thinned, by whole patients, to a ratio of its largest class to its smallest."""

from collections import Counter
from collections.abc import Mapping, Sequence

from study.planning.subsets.pool import Label, PoolPatient

Strata = Mapping[int, Sequence[PoolPatient]]
"""Training patients by their rarest class, in the order of a draw."""


def thinned(strata: Strata, ratio: float) -> dict[int, list[PoolPatient]] | None:
    """The longest prefixes of the strata whose images have this ratio; None where whole patients cannot give it.

    The classes stay in the order of their frequency, the largest with n images and those below it with
    n * ratio^(-i / (C - 1)), i = 1..C-1 (Cui et al. 2019, arXiv 1901.05555), each to within half the images of one
    patient; of two classes that is n and n / ratio.
    """
    images = Counter(label for members in strata.values() for patient in members for label in patient.labels)
    ranked = sorted(images, key=lambda label: (-images[label], label))
    shares = {label: ratio ** (-i / max(1, len(ranked) - 1)) for i, label in enumerate(ranked)}
    low, high = 0, max(images.values(), default=0)
    while low < high:
        largest = (low + high + 1) // 2
        short, _ = _off(strata, shares, largest)
        low, high = (low, largest - 1) if short else (largest, high)
    if not low or any(_off(strata, shares, low)):
        return None
    return _kept(strata, shares, low)


def _kept(strata: Strata, shares: Mapping[Label, float], largest: int) -> dict[int, list[PoolPatient]]:
    """From the rarest class on, so many patients that the class's images come nearest to its share of ``largest``."""
    kept: dict[int, list[PoolPatient]] = {}
    held: Counter = Counter()
    for label in sorted(strata, key=lambda label: shares[label]):
        target, own = shares[label] * largest, []
        for patient in strata[label]:
            more = patient.labels.count(label)
            if held[label] + more / 2 > target:
                break
            own.append(patient)
            held.update(patient.labels)
        kept[label] = own
    return kept


def _off(strata: Strata, shares: Mapping[Label, float], largest: int) -> tuple[bool, bool]:
    """Whether some class falls short of its share, and whether one exceeds it, by more than half a patient."""
    held = Counter(label for members in _kept(strata, shares, largest).values() for p in members for label in p.labels)
    patients = [patient for members in strata.values() for patient in members]
    short = over = False
    for label, share in shares.items():
        half = max(patient.labels.count(label) for patient in patients) / 2
        short |= held[label] < share * largest - half or not held[label]
        over |= held[label] > share * largest + half
    return short, over
