"""How wide the intervals of a study will be, and what differences it could show, before anything is run.

The variance of an AUC is Hanley and McNeil's (Radiology 1982) for the test patients there are; how runs, draws and
encoders differ is assumed, and said. What a study has measured replaces all of this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import t as student

from study.config import Study
from study.planning.plan import Plan, SplitTask
from study.vocabulary import ADAPTATION, DRAW, SIZE_FACTORS, TASK

AUC = 0.8
SHARED = 0.7
"""Of the test patients' variance of one model, what two models of one initialisation share."""
SHARED_BY_METHODS = 0.5
"""Of that, what models of two initialisations share."""
DRAWS, ENCODERS = 0.03, 0.02
"""Standard deviations of the AUC between label subsets, and between pre-training runs."""
ENCODERS_FOR_A_METHOD = 3
LARGEST_SHARE = 0.8
FEWEST_PATIENTS = 20
"""Test patients of a class, below which an AUC has no useful interval (arXiv 2601.17103)."""
LEVEL, POWER = 0.95, 0.8
MOST = 0.5
"""Between an AUC of chance and one without a mistake: a design that shows no less shows nothing."""

ASSUMED = (
    f"expected at an AUC of {AUC:g}, if label subsets differ by {DRAWS:g} and encoders by {ENCODERS:g} (standard "
    "deviations); 'could show' is the difference separated with a power of 80 % among all pairs, sizes and settings"
)


@dataclass(frozen=True)
class Expected:
    """Of one task and size. patients: on test, of the rarest class and of all others. half: half the width of a score's
    interval. apart: the difference of two initialisations that could be shown. None where draws tell nothing."""

    task: str
    size: str
    patients: tuple[float, float]
    half: float | None
    apart: float | None

    @property
    def line(self) -> str:
        if self.half is None or self.apart is None:
            return f"    {self.task}, {self.size}: one draw has no interval"
        shown = f"{self.apart:.2f}" if self.apart < MOST else "none"
        return f"    {self.task}, {self.size}: a score to {self.half:.2f} either way, could show {shown}"


def precision_lines(study: Study, plan: Plan, tasks: Mapping[str, SplitTask]) -> list[str]:
    """What to expect of each task and size, and a warning where test patients are too few."""
    found = [each for task in tasks.values() for each in expected(study, plan, task)]
    few = {each.task: min(each.patients) for each in found if min(each.patients) < FEWEST_PATIENTS}
    lines = [f"  {ASSUMED}:", *(each.line for each in found)] if found else []
    return lines + [
        f"  warning: {task} has about {count:.0f} test patients of its rarest class, and an AUC of fewer than "
        f"{FEWEST_PATIENTS} says little"
        for task, count in few.items()
    ]


def expected(study: Study, plan: Plan, task: SplitTask) -> list[Expected]:
    """A row a size; `task.samples` knows no test label, so classes are as frequent there as in training."""
    patients = test_patients(task)
    variance = hanley_mcneil(AUC, *patients)
    cells = [cell for cell in plan.cells if cell.factors[TASK] == task.name]
    pool = max((cell.subset.n_patients for cell in cells), default=0)
    sizes: dict[tuple, list] = {}
    for cell in cells:
        sizes.setdefault(tuple(cell.factors[name] for name in (ADAPTATION, *SIZE_FACTORS)), []).append(cell)
    names = len(study.compared())
    family = max(len(sizes) * names * (names - 1) // 2, 1)
    found = []
    for (adaptation, kind, value), own in sizes.items():
        draws = len({cell.factors[DRAW] for cell in own})
        reach = _reach(variance, draws, own[0].subset.n_patients / pool, study.pretraining.seeds, family)
        found.append(Expected(task.name, f"{adaptation}, {kind} {value:g}", patients, *reach))
    return found


def _reach(variance: float, draws: int, share: float, encoders: int, family: int) -> tuple[float | None, float | None]:
    if draws < 2:
        return None, None
    overlap = share / (1 - share) if share <= LARGEST_SHARE else 0.0
    between = DRAWS**2 + (1 - SHARED) * variance
    known = encoders >= ENCODERS_FOR_A_METHOD
    of_encoders = (ENCODERS**2 / encoders, encoders - 1) if known else (0.0, 1)
    of_draws, of_patients = (between * (1 / draws + overlap), draws - 1), (SHARED * variance, np.inf)
    mean = [of_draws, of_patients, of_encoders]
    shared = (1.0, 1 - SHARED_BY_METHODS, 1.0)
    pairs = [(2 * part * own, df) for (part, df), own in zip(mean, shared, strict=True)]
    half, _ = _half(mean, 1 - LEVEL)
    reach, more = _half(pairs, (1 - LEVEL) / family)
    return half, reach + more


def _half(parts: Sequence[tuple[float, float]], error: float) -> tuple[float, float]:
    """Half of an interval's width, and what a power of 80 % takes beyond it (Satterthwaite's degrees of freedom)."""
    total = sum(variance for variance, _ in parts)
    df = total**2 / sum(variance**2 / df for variance, df in parts)
    return float(student.ppf(1 - error / 2, df)) * total**0.5, float(student.ppf(POWER, df)) * total**0.5


def hanley_mcneil(auc: float, positive: float, negative: float) -> float:
    """Variance of an AUC of one image a patient."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    own = auc * (1 - auc) + (positive - 1) * (q1 - auc**2) + (negative - 1) * (q2 - auc**2)
    return own / (positive * negative)


def test_patients(task: SplitTask) -> tuple[float, float]:
    """(of the rarest class or finding, of all others); with outer folds, everybody is tested once."""
    tested = task.samples if task.folds else task.samples.filter(pl.col("role") == "test")
    labelled = (task.folds[0] if task.folds else task).samples.filter(pl.col("role") == "train")
    share = _rarest(labelled, task)
    count = tested["token"].n_unique()
    return max(count * share, 1.0), max(count * (1 - share), 1.0)


def _rarest(labelled: pl.DataFrame, task: SplitTask) -> float:
    """What part of the patients has the rarest class or finding."""
    if labelled.is_empty():
        return 0.5
    if task.kind == "multi":
        found = labelled.select("token", pl.col("label").list.to_struct(fields=task.classes)).unnest("label")
        shares = found.group_by("token").max().select(pl.exclude("token")).mean().row(0)
    else:
        own = labelled.group_by("token").agg(pl.col("label").max())
        shares = tuple(own["label"].value_counts()["count"] / len(own))
    return min((share for share in shares if share), default=0.5)
