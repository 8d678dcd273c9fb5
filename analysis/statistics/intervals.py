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


def estimate(
    scores: Mapping[tuple[int, int], float],
    tests: Mapping[tuple[int, int], Components] | str,
    *,
    bounds: tuple[float, float] | None = None,
    encoder: str | None = None,
    same_patients: bool = False,
) -> Estimate:
    """Mean over draws of `scores` and its interval.

    scores: by (draw, encoder), final seeds already averaged. tests: the test-set components of those same averages,
    or a line saying why there are none, whereupon the target falls back to this pool and test set. bounds: the
    metric's range, to which intervals are clipped. encoder: its method, None where no encoder was pre-trained.
    same_patients: every draw holds the same patients (the full size), so draws measure training noise alone.

    New patients: s2/D + V, with V the patient-clustered variance of the *mean* score, and Satterthwaite's degrees of
    freedom; from three encoders on, their variance over their number is added and the target is new pre-training runs.
    Prediction: m +- t(D-1) s sqrt(1 + 1/D).
    """
    draws, encoders = sorted({d for d, _ in scores}), sorted({e for _, e in scores})
    by_draw = np.array([np.mean([v for (d, _), v in scores.items() if d == draw]) for draw in draws])
    mean, count = float(by_draw.mean()), len(draws)
    if count < 2:
        why = "one draw: the variance between label subsets cannot be estimated"
        return Estimate(mean, reason=why, pi_reason=why, draws=count)
    parts: list[tuple[float, float]] = [(float(by_draw.var(ddof=1)) / count, count - 1)]
    target, reason = THIS_TEST_SET, None
    if isinstance(tests, str):
        reason = tests
    else:
        test = mean_components([tests[k] for k in sorted(scores)])
        if test.variance == 0:
            reason = "the test set's variance is estimated as zero (perfectly separated)"
        else:
            parts.append((test.variance, test.df))
            target = NEW_PATIENTS
    complete = len(scores) == count * len(encoders)
    if len(encoders) >= ENCODERS_FOR_A_METHOD and complete and encoder is not None:
        means = [np.mean([scores[d, e] for d in draws]) for e in encoders]
        parts.append((float(np.var(means, ddof=1)) / len(encoders), len(encoders) - 1))
        target += ", new pre-training runs"
    elif encoder is not None:
        target += ", this encoder" if len(encoders) == 1 else f", these {len(encoders)} encoders"
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
