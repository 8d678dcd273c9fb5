"""The interval beside a mean score, with its target named.

A mean over draws of label subsets varies for three reasons, and an interval that leaves one out answers a narrower
question: the draws (and the training noise in them), the patients of the one shared test set, and the pre-training run
behind the encoder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from .variance_components import Components

NEW_PATIENTS = "new patients"
THIS_TEST_SET = "this pool and test set"
LEVEL = 0.95
ENCODERS_FOR_A_METHOD = 3


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval (`low`, `high`), or the `reason` why there is none; `target` says what it covers.

    `pi_low`, `pi_high`: where one new labelled subset of this pool would score on this test set, or `pi_reason`.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    target: str | None = None
    reason: str | None = None
    pi_low: float | None = None
    pi_high: float | None = None
    pi_reason: str | None = None
    draws: int = 0
    df: float | None = None


Scores = Mapping[tuple[int, int], float]
"""By (draw, encoder), final seeds already averaged."""
Tests = Mapping[tuple[int, int], Components] | str
"""The test-set components of those same averages, or a line that says why there are none."""


@dataclass(frozen=True)
class Side:
    """One initialisation's scores. ``encoder``: its method, None where no encoder was pre-trained."""

    scores: Scores
    tests: Tests
    encoder: str | None = None

    @property
    def draws(self) -> list[int]:
        return sorted({draw for draw, _ in self.scores})

    @property
    def encoders(self) -> list[int]:
        return sorted({encoder for _, encoder in self.scores})

    @property
    def by_draw(self) -> np.ndarray:
        return np.array([np.mean([v for (d, _), v in self.scores.items() if d == draw]) for draw in self.draws])

    def by_encoder(self) -> np.ndarray | None:
        """Each encoder's mean, where there are enough of them, each with all draws, to tell their variance."""
        complete = len(self.scores) == len(self.draws) * len(self.encoders)
        if self.encoder is None or len(self.encoders) < ENCODERS_FOR_A_METHOD or not complete:
            return None
        return np.array([np.mean([self.scores[d, e] for d in self.draws]) for e in self.encoders])

    def test(self) -> Components:
        """Components of the mean; ValueError where the runs were scored on different test patients."""
        assert not isinstance(self.tests, str)
        return mean_components([self.tests[key] for key in sorted(self.scores)])


def estimate(
    scores: Scores,
    tests: Tests,
    *,
    bounds: tuple[float, float] | None = None,
    encoder: str | None = None,
    same_patients: bool = False,
) -> Estimate:
    """Mean over draws of one initialisation's scores and its interval; see `Side` for what they are.

    Where there are no components of the test set, the target falls back to this pool and test set. bounds: the metric's
    range, to which intervals are clipped. same_patients: every draw holds the same patients (the full size), so draws
    measure training noise alone.

    New patients: s2/D + V, with V the patient-clustered variance of the *mean* score, and Satterthwaite's degrees of
    freedom; from three encoders on, their variance over their number is added and the target is new pre-training runs.
    Prediction: m +- t(D-1) s sqrt(1 + 1/D).
    """
    side = Side(scores, tests, encoder)
    why = tests if isinstance(tests, str) else None
    return _estimate(side.by_draw, why or side.test(), [_encoders(side)], "", bounds, same_patients)


def estimate_difference(first: Side, second: Side, *, same_patients: bool = False) -> Estimate:
    """Mean over the draws that both have of first minus second, and its interval; turned round, it is its mirror image.

    As `estimate`, with V that of the components' difference patient by patient. The encoders of both sides count:
    s2_A/E_A + s2_B/E_B, or the variance of the differences over their number where both have the same pretrain_seeds.
    """
    assert first.draws == second.draws
    why = next((side.tests for side in (first, second) if isinstance(side.tests, str)), None)
    test: Components | str
    try:
        test = why or minus(first.test(), second.test())
    except ValueError as other_patients:
        test = str(other_patients)
    a, b = first.by_encoder(), second.by_encoder()
    if a is not None and b is not None and first.encoders == second.encoders:
        parts = [_Encoders(_of_mean(a - b), ", new pre-training runs")]
    else:
        parts = [_encoders(side) for side in (first, second) if side.encoder is not None]
    named = {part.target for part in parts}
    target = ""
    if len(named) > 1:
        told = sorted((side.encoder or "", part.target) for side, part in zip((first, second), parts, strict=True))
        target = "".join(f"{words} of {name}" for name, words in told)
    return _estimate(first.by_draw - second.by_draw, test, parts, target, None, same_patients)


@dataclass(frozen=True)
class _Encoders:
    """The variance that encoders add to a mean with its degrees of freedom, where it is known, and the target then."""

    variance: tuple[float, float] | None
    target: str


def _encoders(side: Side) -> _Encoders:
    means = side.by_encoder()
    if means is not None:
        return _Encoders(_of_mean(means), ", new pre-training runs")
    if side.encoder is None:
        return _Encoders(None, "")
    count = len(side.encoders)
    return _Encoders(None, ", this encoder" if count == 1 else f", these {count} encoders")


def _of_mean(values: np.ndarray) -> tuple[float, float]:
    return float(np.var(values, ddof=1)) / len(values), len(values) - 1


def _estimate(
    by_draw: np.ndarray,
    test: Components | str,
    encoders: Sequence[_Encoders],
    encoder_target: str,
    bounds: tuple[float, float] | None,
    same_patients: bool,
) -> Estimate:
    mean, count = float(by_draw.mean()), len(by_draw)
    if count < 2:
        why = "one draw: the variance between label subsets cannot be estimated"
        return Estimate(mean, reason=why, pi_reason=why, draws=count)
    parts: list[tuple[float, float]] = [_of_mean(by_draw)]
    target, reason = THIS_TEST_SET, None
    if isinstance(test, str):
        reason = test
    elif test.variance == 0:
        reason = "the test set's variance is estimated as zero (perfectly separated)"
    else:
        parts.append((test.variance, test.df))
        target = NEW_PATIENTS
    parts += [each.variance for each in encoders if each.variance is not None]
    target += encoder_target or next(iter({each.target for each in encoders}), "")
    if same_patients:
        target += "; draws hold the same patients: training noise only"
    variance, df = satterthwaite(parts)
    low, high = _around(mean, float(student.ppf(0.5 + LEVEL / 2, df)) * np.sqrt(variance), bounds)
    if same_patients:
        pi_low, pi_high, pi_reason = None, None, "every draw holds the same patients: there is no other subset"
    else:
        half = float(student.ppf(0.5 + LEVEL / 2, count - 1)) * by_draw.std(ddof=1) * np.sqrt(1 + 1 / count)
        (pi_low, pi_high), pi_reason = _around(mean, half, bounds), None
    return Estimate(mean, low, high, target, reason, pi_low, pi_high, pi_reason, count, df)


def over_blocks(values: np.ndarray) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of independent blocks; None where they have no variance to take it from."""
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    half = float(student.ppf(0.5 + LEVEL / 2, len(values) - 1)) * values.std(ddof=1) / np.sqrt(len(values))
    return _around(float(values.mean()), half, None)


def satterthwaite(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(sum of variances, its degrees of freedom) of independent (variance, degrees of freedom); Satterthwaite 1946."""
    total = sum(v for v, _ in parts)
    if total == 0:
        return 0.0, float(min(df for _, df in parts))
    return total, total**2 / sum(v**2 / df for v, df in parts)


def mean_components(parts: Sequence[Components]) -> Components:
    """Components of the mean of several runs' scores on one test set; ValueError where the test patients differ."""
    if len({c.patients for c in parts}) > 1:
        raise ValueError("the runs were scored on different test patients")
    values = np.mean([c.values for c in parts], axis=0)
    return Components(float(np.mean([c.estimate for c in parts])), values, parts[0].patients, min(c.df for c in parts))


def minus(a: Components, b: Components) -> Components:
    """Components of a difference of two scores on one test set."""
    if a.patients != b.patients:
        raise ValueError("the runs were scored on different test patients")
    return Components(a.estimate - b.estimate, a.values - b.values, a.patients, min(a.df, b.df))


def _around(mean: float, half: float, bounds: tuple[float, float] | None) -> tuple[float, float]:
    low, high = float(mean - half), float(mean + half)
    return (max(low, bounds[0]), min(high, bounds[1])) if bounds else (low, high)
