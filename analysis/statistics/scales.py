"""The scale on which a metric's bounds lie at infinity: logits of proportions, logarithms of what has no upper end."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit


@dataclass(frozen=True)
class Scale:
    """The scale on which the bounds of a single score lie at infinity.

    Proportions are drawn inwards as by half a patient in `rarest` + 1 (the empirical logit: Cox and Snell, Analysis of
    Binary Data 1989), so that a score of 1 has a place.
    """

    kind: str
    rarest: float

    @classmethod
    def of(cls, bounds: tuple[float, float] | None, rarest: float) -> "Scale":
        return cls({(0.0, 1.0): "logit", (0.0, np.inf): "log"}.get(bounds or (-np.inf, np.inf), "natural"), rarest)

    def to(self, scores: np.ndarray) -> np.ndarray:
        """Infinite at a bound where the test patients are not known."""
        with np.errstate(divide="ignore"):
            if self.kind == "log":
                return np.log(scores)
            return np.asarray(logit(self._drawn_in(scores)) if self.kind == "logit" else scores)

    def back(self, values: np.ndarray) -> np.ndarray:
        if self.kind == "log":
            return np.exp(values)
        if self.kind == "natural":
            return values
        return np.clip(expit(values) * self._stretch - (self._stretch - 1) / 2, 0, 1)

    def slope(self, value: float) -> float:
        """How fast the scale changes with a score, at a place of the scale."""
        if self.kind == "log":
            return float(np.exp(-value))
        return 1.0 if self.kind == "natural" else float(1 / (expit(value) * expit(-value)) / self._stretch)

    @property
    def _stretch(self) -> float:
        return 1 + 1 / self.rarest

    def _drawn_in(self, scores: np.ndarray) -> np.ndarray:
        return (scores + (self._stretch - 1) / 2) / self._stretch
