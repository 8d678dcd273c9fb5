"""A plan, in lines for a terminal."""

from collections import Counter

from study.plan import Plan
from study.spec import Study
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
        length = "" if adaptations.get(name).on_features else f", {adaptation.epochs} epochs each"
        lines.append(f"  {name}: {len(cells)} cells, {trials} trials, {finals} final runs{length}")
        if unsearched:
            fewest = study.selection.min_val_patients
            lines.append(
                f"    {unsearched} cells with default settings (fewer than {fewest} validation patients of a class)"
            )
        sizes = Counter(
            (c.factors["task"], c.factors["size_kind"], c.factors["size_value"], c.subset.n_labels, c.subset.n_patients)
            for c in cells
            if c.factors["draw"] == 0
        )
        for task, kind, value, labels, patients in sizes:
            lines.append(f"    {task}, {kind} {value:g}: {labels} labels of {patients} patients in draw 0")
    lines += [f"  left out: {reason}" for reason in plan.left_out]
    runs, cells = len(plan.pretraining_runs), plan.cells
    lines.append(
        f"in all: {runs} pre-training runs, {len(cells)} cells, "
        f"{sum(c.trials for c in cells)} trials, {sum(c.finals for c in cells)} final runs"
    )
    return lines
