"""What more of would have decided, if the estimate stayed where it is."""

import math
from collections.abc import Mapping

import numpy as np
from scipy.stats import t as student

from .cell_means import DRAWS, ENCODERS, PATIENTS, Contrast
from .intervals import LEVEL
from .point import Joint

MOST = 20
"""Times as many as there are: more is no advice."""

Parts = Mapping[str, tuple[float, float]]


def would_decide(found: Contrast, away: float, joint: Joint, level: float = LEVEL) -> str:
    """One line: which numbers of draws, test patients or pre-training runs bring an interval below `away` either way.

    Each by itself where that is enough, else all of them together.
    """
    counts = _counts(found, joint)
    alone = []
    for words, (count, sources) in counts.items():
        enough = _fewest(found, joint, sources, away, level)
        if enough is not None:
            alone.append(f"{math.ceil(count * enough)} {words} instead of {count}")
    if alone:
        return f"if the estimate stayed: {' or '.join(alone)}"
    every = [source for _, sources in counts.values() for source in sources]
    enough = _fewest(found, joint, every, away, level)
    if enough is None:
        return f"the estimate lies so near the bound that {MOST} times as many of everything would not decide"
    whole = ", ".join(f"{math.ceil(count * enough)} {words}" for words, (count, _) in counts.items())
    return f"if the estimate stayed: no one of them alone, but {whole} together"


def _counts(found: Contrast, joint: Joint) -> dict[str, tuple[int, list[str]]]:
    """Words -> how many there are, and the parts of the variance that they are behind."""
    counts = {"draws": (len(joint.draws), [DRAWS])}
    if joint.means.patients is not None and PATIENTS in found.parts:
        counts["test patients"] = (joint.means.patients.shape[1], [PATIENTS])
    runs = [source for source in found.parts if source.startswith(ENCODERS)]
    if runs:
        fewest = min(len(joint.means.encoders[int(source.split()[-1])]) for source in runs)
        counts["pre-training runs"] = (fewest, runs)
    return counts


def _fewest(found: Contrast, joint: Joint, sources: list[str], away: float, level: float) -> float | None:
    """How many times as many are enough."""
    for times in np.geomspace(1.05, MOST, 120):
        if _half(found, joint, sources, float(times), level) < away:
            return float(times)
    return None


def _half(found: Contrast, joint: Joint, sources: list[str], times: float, level: float) -> float:
    parts: dict[str, tuple[float, float]] = {}
    for source, (variance, df) in found.parts.items():
        if source in sources:
            df = (df + 1) * times - 1 if np.isfinite(df) else df
            variance *= _kept(joint, times) if source == DRAWS else 1 / times
        parts[source] = (variance, df)
    more = Contrast(found.value, parts)
    return float(student.ppf(0.5 + level / 2, more.df)) * more.error


def _kept(joint: Joint, times: float) -> float:
    """What is left of the draws' part: subsets of one pool overlap, and that does not go away with more of them."""
    if joint.means.shares is None:
        return 1 / times
    overlap = float(np.mean(joint.means.shares / (1 - joint.means.shares)))
    count = len(joint.draws)
    return (1 / (count * times) + overlap) / (1 / count + overlap)
