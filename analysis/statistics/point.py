"""A point of a learning curve: the scores of its runs, and what several points have in common."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .cell_means import CellMeans
from .variance_components import Components

NEW_PATIENTS, NEW_IMAGES = "new patients", "new images"
THIS_TEST_SET = "this pool and test set"
ENCODERS_FOR_A_METHOD = 3
LARGEST_SHARE = 0.8
"""Of the pool: what larger subsets say of a new pool is refused."""

Scores = Mapping[tuple[int, int], float]
"""By (draw, encoder), final seeds and folds already averaged."""
Tests = Mapping[tuple[int, int], Components] | str
"""The test-set components of those same averages, or a line that says why there are none."""


class NothingShared(ValueError):
    """Points without a draw that all of them have."""


@dataclass(frozen=True)
class Point:
    """One initialisation at one size, in one setting, by one metric on one test set.

    encoder: whose encoders these are, None where each run draws its own. size, subsets: what the size is called and
    what each draw was given there; two points of one size pair only where the draws were given the same. share: of the
    pool's patients, None where it is not known. same_patients: every draw holds the same patients (the full size), so
    draws measure training noise alone. unit: what a component belongs to, patients, or images where none are named.
    single: how much one run varies about its draw's mean, a variance.
    """

    scores: Scores
    tests: Tests
    encoder: str | None = None
    size: Hashable = None
    subsets: Mapping[int, Hashable] = field(default_factory=dict)
    share: float | None = None
    same_patients: bool = False
    unit: str = NEW_PATIENTS
    single: float = 0.0


@dataclass(frozen=True)
class Joint:
    """The means of points over what all have. target: what their contrasts speak of. reason: why the test set counts
    as fixed, where it does. draws: those that all have."""

    means: CellMeans
    target: str
    reason: str | None
    draws: list[int]


def joint(points: Sequence[Point]) -> Joint:
    """Raises NothingShared where no draw, given the same at each size, is in all of the points."""
    draws, encoders = _shared(points)
    if not draws:
        raise NothingShared("no draw has runs of all")
    cells = [{d: [(d, e) for e in encoders[k]] for d in draws} for k in range(len(points))]
    by_draw = np.array(
        [[np.mean([p.scores[r] for r in cell[d]]) for p, cell in zip(points, cells, strict=True)] for d in draws]
    )
    patients, df, reason = _patients(points, cells, draws)
    target = THIS_TEST_SET if patients is None else _worst([p.unit for p in points])
    shares = None
    sampled = [p for p in points if not p.same_patients]
    if patients is not None and sampled:
        known = [p.share for p in sampled if p.share is not None]
        if len(known) == len(points) and max(known) <= LARGEST_SHARE:
            shares = np.array(known)
        else:
            target += ", this training pool"
    groups, words = _encoders(points, draws, encoders)
    target += words
    if len(sampled) < len(points):
        which = "" if not sampled else "at the full size "
        target += f"; {which}draws hold the same patients: training noise only"
    return Joint(CellMeans(by_draw, patients, df, groups, shares), target, reason, draws)


def _shared(points: Sequence[Point]) -> tuple[list[int], list[list[int]]]:
    """Draws, and each point's encoders, so that every draw has every encoder: as many runs as can be had."""
    draws = set.intersection(*({d for d, _ in p.scores} for p in points))
    for size in {p.size for p in points}:
        given = [p.subsets for p in points if p.size == size]
        draws = {d for d in draws if len({s.get(d) for s in given}) == 1}
    owners = [p.encoder if p.encoder is not None else ("own", k) for k, p in enumerate(points)]
    runs: dict[Hashable, set[tuple[int, int]]] = {}
    for owner, p in zip(owners, points, strict=True):
        have = {run for run in p.scores if run[0] in draws}
        runs[owner] = runs.get(owner, have) & have
    choices = [_every_encoder, _those_of_every_draw, _commonest]
    chosen = [{owner: choose(own, draws) for owner, own in runs.items()} for choose in choices]
    complete = [
        {d for d in draws if all((d, e) in runs[owner] for owner, kept in choice.items() for e in kept)}
        if all(choice.values()) else set()
        for choice in chosen
    ]  # fmt: skip
    best = max(range(len(chosen)), key=lambda k: len(complete[k]) * sum(map(len, chosen[k].values())))
    return sorted(complete[best]), [sorted(chosen[best][owner]) for owner in owners]


def _every_encoder(runs: set[tuple[int, int]], draws: set[int]) -> set[int]:
    return {e for _, e in runs}


def _those_of_every_draw(runs: set[tuple[int, int]], draws: set[int]) -> set[int]:
    return {e for e in _every_encoder(runs, draws) if all((d, e) in runs for d in draws)}


def _commonest(runs: set[tuple[int, int]], draws: set[int]) -> set[int]:
    counts = Counter(e for _, e in sorted(runs))
    return {e for e, _ in counts.most_common(1)}


def _patients(
    points: Sequence[Point], cells: list[dict], draws: list[int]
) -> tuple[np.ndarray | None, float, str | None]:
    """(D, P, K) components, their degrees of freedom, or why there are none."""
    runs: list[Components] = []
    of_points: list[np.ndarray] = []
    for p, cell in zip(points, cells, strict=True):
        if isinstance(p.tests, str):
            return None, np.inf, p.tests
        by_draw = [[p.tests[run] for run in cell[d]] for d in draws]
        runs += [run for own in by_draw for run in own]
        if len({run.patients for run in runs}) > 1:
            return None, np.inf, "the runs were scored on different test patients"
        of_points.append(np.stack([np.mean([run.values for run in own], axis=0) for own in by_draw]))
    values = np.stack(of_points, axis=2)
    if any(not np.any(values[:, :, k]) for k in range(len(points))):
        return None, np.inf, "the test set's variance is estimated as zero (perfectly separated)"
    return values, min(run.df for run in runs), None


def _encoders(points: Sequence[Point], draws: list[int], encoders: list[list[int]]) -> tuple[list[np.ndarray], str]:
    """Groups of pre-training runs, and whose encoders the target names."""
    owners = list(dict.fromkeys(p.encoder for p in points if p.encoder is not None))
    runs = {}
    for owner in owners:
        own = [k for k, p in enumerate(points) if p.encoder == owner]
        seeds = encoders[own[0]]
        means = np.zeros((len(seeds), len(points)))
        for k in own:
            means[:, k] = [np.mean([points[k].scores[d, e] for d in draws]) for e in seeds]
        runs[owner] = (seeds, means)
    words = {owner: _encoder_words(owner, len(seeds)) for owner, (seeds, _) in runs.items()}
    known = [owner for owner in owners if len(runs[owner][0]) >= ENCODERS_FOR_A_METHOD]
    if len({tuple(runs[owner][0]) for owner in known}) == 1:
        groups = [np.sum([runs[owner][1] for owner in known], axis=0)]
    else:
        groups = [runs[owner][1] for owner in known]
    if len(set(words.values())) <= 1:
        return groups, next(iter(words.values()), "")
    return groups, "".join(f"{words[owner]} of {owner}" for owner in sorted(words))


def _encoder_words(owner: str, count: int) -> str:
    if count >= ENCODERS_FOR_A_METHOD:
        return ", new pre-training runs"
    kind = "random encoder" if owner == "scratch" else "encoder"
    return f", this {kind}" if count == 1 else f", these {count} {kind}s"


def _worst(units: list[str]) -> str:
    return NEW_IMAGES if NEW_IMAGES in units else NEW_PATIENTS
