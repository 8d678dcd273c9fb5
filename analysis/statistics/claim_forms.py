"""What each form of a claim says: contrasts of two curves' heights, and the bounds between which they must lie."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from study.vocabulary import SMALLER_IS_BETTER

from .cell_means import Contrast
from .curves import Curves, curves
from .intervals import LEVEL
from .label_efficiency import labels_paid
from .point import Joint, NothingShared, joint
from .points import Placed, bounds_of
from .savings import CHANCE


@dataclass(frozen=True)
class Claim:
    """As in a study file. post_hoc: made after a test set that it is about had been opened."""

    form: str
    initialisation: str
    against: str
    margin: float = 0.0
    metric: str = "auc"
    unit: str | None = None
    task: str | None = None
    adaptation: str | None = None
    labels: float | None = None
    against_labels: float | None = None
    post_hoc: bool = False

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> "Claim":
        """Of a study file's entry; `not_worse_than` is the short form of non-inferiority."""
        known = {field.name: asked[field.name] for field in fields(cls) if field.name in asked}
        other = asked.get("against") or asked["not_worse_than"]
        return cls(**{"form": "non_inferior", **known, "against": other})


@dataclass(frozen=True)
class Bound:
    """A contrast, positive where the claimed one is better, that must lie above `above` and below `below`."""

    about: str
    contrast: Contrast
    above: float = -np.inf
    below: float = np.inf

    def shown(self, level: float = LEVEL) -> bool:
        low, high = self.contrast.interval(level)
        return self.above < low and high < self.below

    def refuted(self, level: float) -> bool:
        low, high = self.contrast.interval(level)
        return high < self.above or low > self.below

    @property
    def away(self) -> float:
        """How far inside its bounds, or outside them, the estimate lies."""
        return min(abs(self.contrast.value - self.above), abs(self.contrast.value - self.below))


class CannotBeAsked(ValueError):
    """The claim asks of a panel what it has not got; the message says what."""


@dataclass(frozen=True)
class Heights:
    """The claim's two curves in a panel, or its two points where there is one size, as weights of their means."""

    names: tuple[str, str]
    joint: Joint
    curves: Curves | None
    labels: np.ndarray
    sign: float

    @classmethod
    def of(cls, panel: Sequence[Placed], claim: Claim) -> "Heights":
        names = (claim.initialisation, claim.against)
        sign = -1.0 if claim.metric in SMALLER_IS_BETTER else 1.0
        both = curves(panel, names)
        if both is not None:
            return cls(names, both.joint, both, both.labels, sign)
        at = {name: {p.size: p for p in panel if p.initialisation == name} for name in names}
        sizes = at[names[0]].keys() & at[names[1]].keys()
        if not sizes:
            raise NothingShared("no size is in both")
        size = max(sizes, key=lambda each: (labels_paid(at[names[0]][each].runs).median(), str(each)))
        pair = [at[name][size] for name in names]
        labels = np.array([float(np.median(np.concatenate([labels_paid(p.runs).to_numpy() for p in pair])))])
        return cls(names, joint([p.point for p in pair]), None, labels, sign)

    def count(self, asked: float | None) -> float | None:
        """A number of labels within the curve, of a count or of a share of the most."""
        if asked is None:
            return None
        labels = asked * float(self.labels[-1]) if asked <= 1 else asked
        if not self.labels[0] * 0.995 <= labels <= self.labels[-1] * 1.005:
            tried = " to ".join(f"{n:.0f}" for n in dict.fromkeys((self.labels[0], self.labels[-1])))
            raise CannotBeAsked(f"{labels:.0f} labels lie outside what was tried ({tried})")
        return float(np.clip(labels, self.labels[0], self.labels[-1]))

    def height(self, name: str, labels: float | None) -> np.ndarray:
        """(K,) weights at a number of labels, or of the mean over the curve."""
        if self.curves is not None:
            return self.curves.area(name) if labels is None else self.curves.height(name, labels)
        return np.array([1.0, 0.0] if name == self.names[0] else [0.0, 1.0])

    def ahead(self, labels: float | None, others: float | None) -> Contrast:
        """The claimed one's height less the other's, positive where it is better."""
        first, second = self.height(self.names[0], labels), self.height(self.names[1], others)
        return self.joint.means.contrast(self.sign * (first - second))


def _difference(of: Heights, claim: Claim, above: float = 1.0, below: float | None = None) -> Iterator[Bound]:
    labels = of.count(claim.labels)
    others = of.count(claim.against_labels) if claim.against_labels else labels
    upper = np.inf if below is None else below * claim.margin
    yield Bound(_at(labels, others), of.ahead(labels, others), above * claim.margin, upper)


def _non_inferior(of: Heights, claim: Claim) -> Iterator[Bound]:
    return _difference(of, claim, above=-1.0)


def _equivalent(of: Heights, claim: Claim) -> Iterator[Bound]:
    return _difference(of, claim, above=-1.0, below=1.0)


def _saves_labels(of: Heights, claim: Claim) -> Iterator[Bound]:
    """With so many labels it stands as high as the other one does with more, so it needs no more than these."""
    labels, others = of.count(claim.labels), of.count(claim.against_labels) or float(of.labels[-1])
    chance = CHANCE.get(claim.metric)
    if chance is not None and of.joint.means.contrast(of.height(claim.against, others)).interval(LEVEL)[0] <= chance:
        raise CannotBeAsked(f"the level of {claim.against} may be chance, which any number of labels reaches")
    yield Bound(_at(labels, others), of.ahead(labels, others), -claim.margin)


def _more_robust(of: Heights, claim: Claim) -> Iterator[Bound]:
    """The other one's drop less its own; on the logit scale too, since near a bound a curve has little left to drop."""
    low, high = of.count(claim.labels) or float(of.labels[0]), float(of.labels[-1])
    if of.curves is None or low >= high:
        raise CannotBeAsked("a drop takes two sizes")
    weights = {(name, n): of.height(name, n) for name in of.names for n in (low, high)}
    first, second = of.names
    drops = weights[second, high] - weights[second, low] - weights[first, high] + weights[first, low]
    about = f"lost from {high:.0f} down to {low:.0f} labels"
    yield Bound(about, of.joint.means.contrast(of.sign * drops), claim.margin)
    if claim.margin == 0 and bounds_of(claim.metric) == (0.0, 1.0):
        yield Bound(f"{about}, on the logit scale", _of_logits(of, weights, (second, first), (high, low)), 0.0)


def _of_logits(
    of: Heights, weights: Mapping[tuple[str, float], np.ndarray], names: Sequence[str], sizes: Sequence[float]
) -> Contrast:
    """The same contrast of the heights' logits (delta method)."""
    total, value = np.zeros(len(of.joint.means.means)), 0.0
    for name, sign in zip(names, (1, -1), strict=True):
        for n, side in zip(sizes, (1, -1), strict=True):
            mean = float(np.clip(of.joint.means.means @ weights[name, n], 1e-6, 1 - 1e-6))
            total += of.sign * sign * side * weights[name, n] / (mean * (1 - mean))
            value += of.sign * sign * side * float(np.log(mean / (1 - mean)))
    return replace(of.joint.means.contrast(total), value=value)


def _crosses_below(of: Heights, claim: Claim) -> Iterator[Bound]:
    labels, fewest = of.count(claim.labels), float(of.labels[0])
    if of.curves is None or labels is None or labels <= fewest:
        raise CannotBeAsked("a crossing takes more labels than the fewest tried")
    yield Bound(_at(fewest, fewest), of.ahead(fewest, fewest), claim.margin)
    yield Bound(_at(labels, labels), of.ahead(labels, labels), below=-claim.margin)


def _at(labels: float | None, others: float | None) -> str:
    if labels is None or others is None:
        return "mean over the curve"
    return f"with {labels:.0f} labels" if labels == others else f"with {labels:.0f} labels against {others:.0f}"


FORMS = {
    "difference": _difference,
    "non_inferior": _non_inferior,
    "equivalent": _equivalent,
    "saves_labels": _saves_labels,
    "more_robust": _more_robust,
    "crosses_below": _crosses_below,
}
