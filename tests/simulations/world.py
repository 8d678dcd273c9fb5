"""Made-up studies whose truth is planted.

The score of an image is mu x label + what makes its patient and itself hard (the same for all models), what makes the
patient hard for a method, and what each run adds to both; p is the normal distribution function of it. mu differs by
label subset, shared by methods or their own, by pre-training run and by training noise. All of these are normal, so the
AUC over patients, subsets and encoders is Phi(mu / sqrt(2 sigma^2 + variance of mu)), and mu is set from the AUC that
is wanted. A subset's part in mu is the mean over its members, patients of one finite pool, of effects of their own:
subsets of one pool overlap as often as its share says, and a draw's smaller subsets lie in its larger ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from scipy.stats import norm

from analysis.statistics.point import ENCODERS_FOR_A_METHOD, THIS_TEST_SET, Point
from analysis.statistics.points import Placed
from analysis.statistics.variance_components import Components, components, mean_of_folds
from study.vocabulary import CURVE_FACTORS, DEFAULT_FACTORS

PREVALENCE = (0.5, 0.3, 0.2)
Place = tuple[str, int]
"""Initialisation, and which of the sizes."""


@dataclass(frozen=True)
class World:
    """auc: by initialisation, one for each size. labels, shares: of the sizes. positive, negative: test patients.

    patient, image: standard deviations of what makes a patient and an image hard; patient_method, run, run_image: of
    what a method adds to a patient, and a run to a patient and an image. draw, draw_method: of mu between label
    subsets, shared by all methods or a method's own; encoder: between pre-training runs; training: between trainings on
    one subset. encoders: of each initialisation, 1 where it is not named. folds: outer folds, each of which is tested
    on patients of its own. classes: where more than two, the positive patients are the first. findings: that come
    together, with prevalences of their own.
    """

    draws: int = 5
    positive: int = 50
    negative: int = 50
    images: int = 2
    auc: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: {"a": (0.8,), "b": (0.8,)})
    labels: tuple[int, ...] = (40,)
    shares: tuple[float, ...] = (0.25,)
    patient: float = 0.6
    patient_method: float = 0.3
    run: float = 0.4
    image: float = 0.4
    run_image: float = 0.5
    draw: float = 0.15
    draw_method: float = 0.10
    encoder: float = 0.10
    training: float = 0.05
    encoders: Mapping[str, int] = field(default_factory=dict)
    folds: int = 1
    classes: int = 2
    findings: int = 1

    @property
    def patients(self) -> int:
        return self.positive + self.negative

    @property
    def columns(self) -> int:
        """Scores of an image that are ranked by themselves."""
        return self.findings if self.classes == 2 else self.classes

    @property
    def own(self) -> float:
        """Variance of an image's score in one run that no other run has."""
        return self.run**2 + self.run_image**2

    @property
    def noise(self) -> float:
        """Variance of an image's score, its label given."""
        return self.patient**2 + self.image**2 + self.patient_method**2 + self.own

    @property
    def subsets(self) -> float:
        """Variance of mu between label subsets of all pools."""
        return self.draw**2 + self.draw_method**2

    @property
    def spread(self) -> float:
        """Variance of mu between runs."""
        return self.subsets + self.encoder**2 + self.training**2

    def mu(self, auc: float) -> float:
        """The mean mu with this AUC over patients, subsets and encoders."""
        return float(norm.ppf(auc)) * float(np.sqrt(2 * self.noise + self.spread))


@dataclass(frozen=True)
class Study:
    """points: by place. of_encoder: mean part of an initialisation's encoders in mu. of_pool: part of the pool in mu.
    one_more: the score of one more model of another subset of the pool, of another encoder where there are three or
    more to speak of them, on the same test patients. test: those patients' images. hard: (images, columns), what makes
    them hard for all runs of an initialisation. p: (images, columns) of each run.
    """

    world: World
    points: Mapping[Place, Point]
    of_encoder: Mapping[str, float]
    of_pool: Mapping[Place, float]
    one_more: Mapping[Place, float]
    test: "HeldOut"
    hard: Mapping[str, np.ndarray]
    p: Mapping[Place, Mapping[tuple[int, int], np.ndarray]]

    def truth(self, name: str, size: int, target: str) -> float:
        """The mean score that an interval with this target is about."""
        w = self.world
        shift, spread = 0.0, w.spread
        if "encoder" in target:
            shift += self.of_encoder[name]
            spread -= w.encoder**2
        if "pool" in target:
            shift += self.of_pool[name, size]
            spread -= w.subsets * w.shares[size]
        mu = w.mu(w.auc[name][size]) + shift
        if not target.startswith(THIS_TEST_SET):
            return float(norm.cdf(mu / np.sqrt(2 * w.noise + spread)))
        parts = []
        for k in range(w.folds):
            own = self.test.fold == k
            for labels, hard in zip(self.test.labels[own].T, self.hard[name][own].T, strict=True):
                pairs = np.subtract.outer(hard[labels == 1], hard[labels == 0])
                parts.append(norm.cdf((mu + pairs) / np.sqrt(2 * w.own + spread)).mean())
        return float(np.mean(parts))


@dataclass(frozen=True)
class HeldOut:
    """labels: (images, columns) of 0 or 1. patient: of each image; all images of a patient are labelled alike."""

    world: World
    labels: np.ndarray
    patient: np.ndarray

    @classmethod
    def drawn(cls, world: World, rng: np.random.Generator) -> "HeldOut":
        """So many patients have the first finding or class; others have theirs by chance, as many in each fold."""
        of_patient = np.zeros((world.patients, world.columns))
        of_patient[: world.positive, 0] = 1
        if world.classes > 2:
            rest = np.arange(world.positive, world.patients)
            of_patient[rest, 1 + rest % (world.classes - 1)] = 1
        for k in range(1, world.findings):
            order = rng.permutation(world.patients)
            in_fold = [
                np.count_nonzero(order[:place] % world.folds == p % world.folds) for place, p in enumerate(order)
            ]
            order = order[np.argsort(in_fold, kind="stable")]
            of_patient[order[: round(PREVALENCE[k] * world.patients)], k] = 1
        patient = np.repeat(np.arange(world.patients), world.images)
        return cls(world, of_patient[patient], patient)

    @cached_property
    def fold(self) -> np.ndarray:
        """(images,)"""
        return self.patient % self.world.folds

    def normal(self, rng: np.random.Generator, of_patient: float, of_image: float) -> np.ndarray:
        """(images, columns), noise of these standard deviations."""
        shape = (self.world.patients, self.world.columns)
        found = (rng.normal(size=shape) * of_patient)[self.patient]
        return found + rng.normal(size=found.shape) * of_image if of_image else found

    def components(self, p: np.ndarray) -> Components:
        """Of the AUC of p (images, columns)."""
        parts = [self.components_of(p, fold) for fold in range(self.world.folds)]
        return parts[0] if len(parts) == 1 else mean_of_folds(parts)

    def components_of(self, p: np.ndarray, fold: int) -> Components:
        """Of the AUC among the patients of one fold."""
        own = self.fold == fold
        labels, patient, p = self.labels[own], self.patient[own], p[own]
        if self.world.columns == 1:
            return components("auc", labels[:, 0], np.column_stack([1 - p[:, 0], p[:, 0]]), patient)
        if self.world.classes > 2:
            return components("auc", labels.argmax(axis=1), p, patient)
        return components("auc", labels, p, patient)


def study(world: World, rng: np.random.Generator, pool: int = 400) -> Study:
    """One study of this world; what is drawn beyond it is `one_more`."""
    w = world
    orders = [rng.permutation(pool) for _ in range(w.draws + 1)]
    shared, test = rng.normal(size=pool), HeldOut.drawn(w, rng)
    same = test.normal(rng, w.patient, w.image)
    points, of_encoder, of_pool, one_more, hard, ps = {}, {}, {}, {}, {}, {}
    for name in w.auc:
        own, count = rng.normal(size=pool), w.encoders.get(name, 1)
        encoders = rng.normal(size=count + 1) * w.encoder
        of_encoder[name] = float(encoders[:count].mean())
        hard[name] = same + test.normal(rng, w.patient_method, 0.0)
        for size, share in enumerate(w.shares):
            members = round(share * pool)
            effect = np.sqrt(members) * (w.draw * shared + w.draw_method * own)
            of_pool[name, size] = float(effect.mean())
            mu = w.mu(w.auc[name][size]) + np.array([effect[order[:members]].mean() for order in orders])
            runs = [(d, e, encoders[e]) for d in range(w.draws) for e in range(count)]
            runs.append((w.draws, count, encoders[count if count >= ENCODERS_FOR_A_METHOD else 0]))
            p = {
                (d, e): norm.cdf(
                    (mu[d] + pretrained + rng.normal() * w.training) * test.labels
                    + hard[name]
                    + test.normal(rng, w.run, w.run_image)
                )
                for d, e, pretrained in runs
            }
            tests = {run: test.components(each) for run, each in p.items()}
            one_more[name, size] = tests.pop((w.draws, count)).estimate
            p.pop((w.draws, count))
            ps[name, size] = p
            scores = {run: found.estimate for run, found in tests.items()}
            subsets = {d: f"{size}-{d}" for d in range(w.draws)}
            single = _between_encoders(scores, w.draws, count)
            points[name, size] = Point(scores, tests, name, size, subsets, share=share, single=single)
    return Study(w, points, of_encoder, of_pool, one_more, test, hard, ps)


def _between_encoders(scores: Mapping[tuple[int, int], float], draws: int, encoders: int) -> float:
    by_draw = [[scores[d, e] for e in range(encoders)] for d in range(draws)]
    return float(np.var(by_draw, axis=1, ddof=1).mean()) if encoders > 1 else 0.0


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
        at = {factor: factors[factor] for factor in CURVE_FACTORS} | {"size_value": float(labels)}
        found.append(Placed(at, "test", "auc", "patient", runs, point))
    return found
