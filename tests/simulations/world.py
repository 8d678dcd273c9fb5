"""Made-up studies whose truth is planted.

The score of an image is mu x label + what makes its patient and itself hard (the same for all models), what makes the
patient hard for a method, and what each run adds to both; p is the normal distribution function of it. mu differs by
label subset, shared by methods or their own, and by pre-training run. All of these are normal, so the AUC over
patients, subsets and encoders is Phi(mu / sqrt(2 sigma^2 + variance of mu)), and mu is set from the AUC that is wanted.
A subset's part in mu is the mean over its members, patients of one finite pool, of effects of their own: subsets of one
pool overlap as often as its share says, and a draw's smaller subsets lie in its larger ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy.stats import norm

from analysis.statistics.point import ENCODERS_FOR_A_METHOD, Point
from analysis.statistics.points import Placed
from analysis.statistics.variance_components import components, mean_of_folds
from study.vocabulary import CURVE_FACTORS, DEFAULT_FACTORS

HARD, HARD_IMAGE, HARD_FOR_METHOD, RUN, RUN_IMAGE = 0.6, 0.4, 0.3, 0.4, 0.5
SPREAD = HARD**2 + HARD_IMAGE**2 + HARD_FOR_METHOD**2 + RUN**2 + RUN_IMAGE**2
PREVALENCE = (0.5, 0.3, 0.2)


@dataclass(frozen=True)
class World:
    """auc: by initialisation, one for each size. labels, shares: of the sizes. positive, negative: test patients.

    subset, own_subset, encoder: standard deviations of mu between label subsets, shared by all methods or a method's
    own, and between pre-training runs. encoders: of each initialisation, 1 where it is not named. folds: outer folds,
    each of which is tested on patients of its own. findings: that come together, with prevalences of their own.
    """

    draws: int = 5
    positive: int = 50
    negative: int = 50
    images: int = 2
    auc: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: {"a": (0.8,), "b": (0.8,)})
    labels: tuple[int, ...] = (40,)
    shares: tuple[float, ...] = (0.25,)
    subset: float = 0.15
    own_subset: float = 0.10
    encoder: float = 0.10
    encoders: Mapping[str, int] = field(default_factory=dict)
    folds: int = 1
    findings: int = 1

    @property
    def patients(self) -> int:
        return self.positive + self.negative


@dataclass(frozen=True)
class Study:
    """points: by (initialisation, size). of_encoder: mean part of an initialisation's encoders in mu. of_pool: part of
    the pool in mu, by the same keys as points. one_more: the score of one more model of another subset of the pool, of
    another encoder where there are three or more to speak of them, on the same test patients."""

    world: World
    points: Mapping[tuple[str, int], Point]
    of_encoder: Mapping[str, float]
    of_pool: Mapping[tuple[str, int], float]
    one_more: Mapping[tuple[str, int], float]

    def truth(self, name: str, size: int, target: str) -> float:
        """The mean score that an interval with this target is about."""
        w = self.world
        shift, spread = 0.0, w.subset**2 + w.own_subset**2 + w.encoder**2
        if "encoder" in target:
            shift += self.of_encoder[name]
            spread -= w.encoder**2
        if "pool" in target:
            shift += self.of_pool[name, size]
            spread -= (w.subset**2 + w.own_subset**2) * w.shares[size]
        return float(norm.cdf((mu_of(w, w.auc[name][size]) + shift) / np.sqrt(2 * SPREAD + spread)))


def mu_of(world: World, auc: float) -> float:
    """The mean mu with this AUC over patients, subsets and encoders."""
    return float(norm.ppf(auc)) * np.sqrt(2 * SPREAD + world.subset**2 + world.own_subset**2 + world.encoder**2)


def study(world: World, rng: np.random.Generator, pool: int = 400) -> Study:
    """One study of this world; what is drawn beyond it is `one_more`."""
    w, names = world, list(world.auc)
    draws = w.draws + 1
    orders = [rng.permutation(pool) for _ in range(draws)]
    shared, own = rng.normal(size=pool), {name: rng.normal(size=pool) for name in names}
    labels, who = _labels(w, rng)
    images = len(who)
    hard = (rng.normal(size=(w.patients, w.findings)) * HARD)[who] + rng.normal(size=(images, w.findings)) * HARD_IMAGE
    fold = who % w.folds
    points, of_encoder, of_pool, one_more = {}, {}, {}, {}
    for name in names:
        count = w.encoders.get(name, 1)
        encoders = rng.normal(size=count + 1) * w.encoder
        of_encoder[name] = float(encoders[:count].mean())
        for_method = (rng.normal(size=(w.patients, w.findings)) * HARD_FOR_METHOD)[who]
        for size, share in enumerate(w.shares):
            members = round(share * pool)
            effect = np.sqrt(members) * (w.subset * shared + w.own_subset * own[name])
            of_pool[name, size] = float(effect.mean())
            mu = mu_of(w, w.auc[name][size]) + np.array([effect[order[:members]].mean() for order in orders])
            scores, tests = {}, {}
            for draw in range(draws):
                for e in range(count + 1):
                    last = draw == draws - 1
                    if last != (e == count):
                        continue
                    noise = (rng.normal(size=(w.patients * w.folds, w.findings)) * RUN)[who * w.folds + fold]
                    pretrained = encoders[e] if not last or count >= ENCODERS_FOR_A_METHOD else encoders[0]
                    z = (mu[draw] + pretrained) * labels + hard + for_method + noise
                    z = z + rng.normal(size=z.shape) * RUN_IMAGE
                    found = _test(w, labels, norm.cdf(z), who, fold)
                    scores[draw, e], tests[draw, e] = found.estimate, found
            one_more[name, size] = scores.pop((draws - 1, count))
            tests.pop((draws - 1, count))
            by_draw = [[scores[d, e] for e in range(count)] for d in range(w.draws)]
            single = float(np.var(by_draw, axis=1, ddof=1).mean()) if count > 1 else 0.0
            subsets = {d: f"{size}-{d}" for d in range(w.draws)}
            points[name, size] = Point(scores, tests, name, size, subsets, share=share, single=single)
    return Study(w, points, of_encoder, of_pool, one_more)


def _labels(w: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels (images, findings) as numbers 0.0 or 1.0, and the patient of each image. All images of a patient are
    labelled alike; so many patients have the first finding, others have theirs by chance."""
    of_patient = np.zeros((w.patients, w.findings))
    of_patient[: w.positive, 0] = 1
    for k in range(1, w.findings):
        of_patient[rng.permutation(w.patients)[: round(PREVALENCE[k] * w.patients)], k] = 1
    who = np.repeat(np.arange(w.patients), w.images)
    return of_patient[who], who


def _test(w: World, labels: np.ndarray, p: np.ndarray, who: np.ndarray, fold: np.ndarray):
    parts = []
    for k in range(w.folds):
        own = fold == k
        if w.findings == 1:
            both = np.column_stack([1 - p[own, 0], p[own, 0]])
            parts.append(components("auc", labels[own, 0], both, who[own]))
        else:
            parts.append(components("auc", labels[own], p[own], who[own]))
    return parts[0] if w.folds == 1 else mean_of_folds(parts)


def placed(made: Study) -> list[Placed]:
    """The study's points as those of a task's learning curves."""
    found = []
    for (name, size), point in made.points.items():
        labels = made.world.labels[size]
        factors = dict.fromkeys(CURVE_FACTORS) | DEFAULT_FACTORS
        factors |= {"initialisation": name, "task": "made", "adaptation": "linear", "size_kind": "count"}
        runs = pl.DataFrame(
            [{"n_train": labels, "n_val": 0, "n_patients": labels, "validation": "paid"}],
            schema={"n_train": pl.Int32, "n_val": pl.Int32, "n_patients": pl.Int32, "validation": pl.String},
        )
        at = {name: factors[name] for name in CURVE_FACTORS} | {"size_value": float(labels)}
        found.append(Placed(at, "test", "auc", "patient", runs, point))
    return found
