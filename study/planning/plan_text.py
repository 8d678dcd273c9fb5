"""A plan, in lines for a terminal."""

from typing import Any

from study.config import AdaptationConfig, Study
from study.planning.plan import Cell, Plan
from study.vocabulary import DEFAULT_FACTORS
from trainables import adaptations


def plan_lines(study: Study, plan: Plan) -> list[str]:
    """What `labelcurve run` would do."""
    lines = [f"study {study.name}: {study.backbone} at {study.image_size} px, seed {study.seed}"]
    for run in plan.pretraining_runs:
        (unit, amount), *_ = study.pretraining.budget_of(run.initialisation).items()
        origin = f", from {run.start}" if run.start else ""
        words = f"{amount:,.0f} {unit.replace('_', ' ')}"
        lines.append(f"  pre-training  {run.initialisation}, seed {run.pretrain_seed}{origin}: {words}")
    for name, adaptation in study.adaptations.items():
        cells = plan.of(name)
        trials, finals = sum(cell.trials for cell in cells), sum(cell.finals for cell in cells)
        unsearched = sum(not cell.searched for cell in cells)
        lines.append(f"  {name}: {len(cells)} cells, {trials} trials, {finals} final runs{_length(name, adaptation)}")
        fewest = f"fewer than {study.selection.min_val_patients} validation patients of a class"
        if unsearched:
            lines.append(f"    cells with default settings ({fewest}): {unsearched}")
        crossed = sum(cell.selection == "cv" and "validation" not in cell.factors for cell in cells)
        if crossed:
            lines.append(f"    cells judged by cross-validation inside their labels ({fewest}): {crossed}")
        sizes = dict.fromkeys(
            (_where(cell), cell.subset.n_labels, cell.subset.n_patients) for cell in cells if cell.factors["draw"] == 0
        )
        for where, labels, patients in sizes:
            lines.append(f"    {where}: {labels} labels of {patients} patients in draw 0")
    lines += [f"  left out: {reason}" for reason in plan.left_out]
    runs, cells = len(plan.pretraining_runs), plan.cells
    lines.append(
        f"in all: {runs} pre-training runs, {len(cells)} cells, "
        f"{sum(c.trials for c in cells)} trials, {sum(c.finals for c in cells)} final runs"
    )
    return lines


def _length(name: str, adaptation: AdaptationConfig) -> str:
    """How long a run is, at each level of that factor; a probe on features takes no epochs."""
    if adaptations.get(name).on_features:
        return ""
    lengths = [
        f"{adaptation.epochs} epochs" if length == "epochs" else f"{length.updates} updates"
        for length in adaptation.length
    ]
    return f", {' or '.join(lengths)} each"


def _where(cell: Cell) -> str:
    """Task, size and whatever else decides which labels a cell has."""
    factors = cell.factors
    words = [
        factors["task"],
        *(_level(name, factors[name]) for name in DEFAULT_FACTORS if name in factors and name != "length"),
    ]
    return ", ".join([*words, f"{factors['size_kind']} {factors['size_value']:g}"])


def _level(name: str, level: Any) -> str:
    """A further factor and its level: ``label noise 0.3``."""
    return f"{name.replace('_', ' ')} {level:g}" if isinstance(level, float) else f"{name.replace('_', ' ')} {level}"
