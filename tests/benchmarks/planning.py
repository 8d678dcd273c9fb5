"""A plan of many cells: seconds a cell, and the memory it takes.

    python -m tests.benchmarks.planning [CELLS]

Two tasks (3,000 images of 1,000 patients in two classes; 5,000 images of as many patients in eleven), ten encoders, ten
sizes, two adaptations, draws for 100,000 cells or as many as are asked for. Beside the plan alone: with every cell's
key, as a search needs them; with label noise, imbalance, and validation inside the subset as factors in place of draws;
what `labelcurve plan` prints besides; and cells one by one, each with a subset, a hash and a key of its own.
"""

import sys
import tracemalloc
from dataclasses import dataclass
from functools import partial

import polars as pl

from study import identity
from study.config import Study
from study.planning.plan import Plan, make_plan
from study.planning.plan_text import plan_lines
from study.planning.subsets import Draw, Pool, Subset
from tests.benchmarks.side_by_side import compare

CELLS, ENCODERS, ROUNDS = 100_000, 10, 5
ADAPTATIONS = ("full", "linear")
SHARES = [0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0]


@dataclass
class Task:
    """As `study.planning.plan.SplitTask`."""

    name: str
    classes: list[str]
    samples: pl.DataFrame
    kind = "single"
    folds = ()


def task(name: str, classes: int, patients: int, images: int) -> Task:
    number = [i // images for i in range(patients * images)]
    samples = pl.DataFrame(
        {
            "row": range(len(number)),
            "digest": [f"{name}-{i}" for i in range(len(number))],
            "token": [f"{name}-{patient}" for patient in number],
            "role": [("train", "train", "train", "val", "test")[patient // classes % 5] for patient in number],
            "label": [patient % classes for patient in number],
        }
    )
    return Task(name, [f"class {code}" for code in range(classes)], samples)


def study(draws: int, **levels: list) -> Study:
    adaptation = {"sizes": {"share": SHARES}, "draws": draws, "trials": 20, **levels}
    return Study.model_validate(
        {
            "name": "planning",
            "tasks": {name: {"images": "x", "labels": "y"} for name in ("few", "many")},
            "corpus": {"task_images": ["few"]},
            "pretraining": {"methods": {"spark": {}, "byol": {}, "swav": {}}, "seeds": (ENCODERS - 1) // 3},
            "adaptations": dict.fromkeys(ADAPTATIONS, adaptation),
        }
    )


def with_keys(plan: Plan) -> list[str]:
    return [cell.id for cell in plan.cells]


def one_by_one(asked: Study, tasks: dict[str, Task]) -> list[str]:
    made = []
    for each in tasks.values():
        pool = Pool.of(each.samples, each.classes)
        for number in range(asked.adaptations["full"].draws):
            for share in SHARES:
                for encoder in range(ENCODERS * len(ADAPTATIONS)):
                    draw = Draw(pool, seed=0, draw=number)
                    subset = Subset(draw, draw.prefix(round(share * draw.n_labels)))
                    factors = {"task": each.name, "draw": number, "size_value": share, "pretrain_seed": encoder}
                    study = {"name": "planning", "hash": subset.hash}
                    made.append(identity.key(study, factors, "cell", None))
    return made


def main() -> None:
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    tasks = {each.name: each for each in (task("few", 2, 1000, 3), task("many", 11, 5000, 1))}
    a_draw = len(tasks) * len(SHARES) * ENCODERS * len(ADAPTATIONS)
    plain = study(cells // a_draw)
    levels = {"label_noise": [0.0, 0.2], "imbalance": [None, 4.0], "validation": ["paid", "cv"]}
    crossed = study(max(1, cells // a_draw // 8), **levels)
    plan = make_plan(plain, tasks)
    print(f"{len(plan.cells)} cells, {len(make_plan(crossed, tasks).cells)} with three factors more")
    contenders = {
        "plan": partial(make_plan, plain, tasks),
        "with keys": lambda: with_keys(make_plan(plain, tasks)),
        "with three factors more": partial(make_plan, crossed, tasks),
        "lines of `labelcurve plan`": lambda: plan_lines(plain, make_plan(plain, tasks)),
    }
    compare(contenders, rounds=ROUNDS, units=len(plan.cells), unit="cell")
    few = study(1)
    print(f"{a_draw} cells")
    contenders = {
        "plan with keys": lambda: with_keys(make_plan(few, tasks)),
        "one by one": partial(one_by_one, few, tasks),
    }
    compare(contenders, rounds=3, units=a_draw, unit="cell")
    tracemalloc.start()
    plan = make_plan(plain, tasks)
    held, peak = (size / 2**20 for size in tracemalloc.get_traced_memory())
    print(f"memory: {held:.0f} MB held, {peak:.0f} MB at most, {2**20 * held / len(plan.cells):.0f} bytes a cell")


if __name__ == "__main__":
    main()
