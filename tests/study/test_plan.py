"""A plan is pure: the same study and splits give the same cells and keys, and impossible sizes are refused."""

from dataclasses import dataclass, field

import polars as pl
import pytest

from study import keys
from study.errors import InputRefused
from study.plan import make_plan
from study.spec import Study


@dataclass
class Task:
    """As study.plan.SplitTask."""

    name: str
    samples: pl.DataFrame
    classes: list[str] = field(default_factory=lambda: ["healthy", "ill"])
    kind: str = "single"
    folds: list = field(default_factory=list)


def task(name: str = "lung", train: int = 40, val: int = 20, test: int = 10) -> Task:
    roles = ["train"] * train + ["val"] * val + ["test"] * test
    return Task(
        name,
        pl.DataFrame(
            {
                "row": range(len(roles)),
                "digest": [f"d{i}" for i in range(len(roles))],
                "token": [f"t{i}" for i in range(len(roles))],
                "role": roles,
                "label": [None if role == "test" else i % 2 for i, role in enumerate(roles)],
            }
        ),
    )


def study(**adaptation) -> Study:
    return Study.model_validate(
        {
            "name": "s",
            "tasks": {"lung": {"images": "x", "labels": "y"}},
            "corpus": {"task_images": ["lung"]},
            "pretraining": {"methods": {"spark": {}}, "seeds": 2},
            "adaptations": {"full": {"sizes": {"share": [0.5, 1.0]}, "draws": 2, "trials": 3, **adaptation}},
        }
    )


def test_the_grid_is_initialisation_x_seed_x_task_x_size_x_draw():
    plan = make_plan(study(), {"lung": task()})
    assert [encoder.name for encoder in plan.encoders] == ["scratch-0", "spark-0", "spark-1"]
    assert len(plan.pretraining_runs) == 2
    assert len(plan.cells) == 3 * 2 * 2
    assert len({cell.id for cell in plan.cells}) == len(plan.cells)


def test_an_encoder_comes_behind_the_one_it_goes_on_from_which_need_not_be_compared():
    chained = study().model_dump(mode="json") | {"initialisations": ["scratch", "further"]}
    chained["pretraining"]["methods"] = {
        "further": {"method": "moco_v2", "start": "first"},
        "first": {"method": "spark"},
    }
    plan = make_plan(Study.model_validate(chained), {"lung": task()})
    names = ["scratch-0", "first-0", "first-1", "further-0", "further-1"]
    assert [encoder.name for encoder in plan.encoders] == names
    assert [encoder.start for encoder in plan.encoders] == [None, None, None, "first-0", "first-1"]
    assert {cell.factors["initialisation"] for cell in plan.cells} == {"scratch", "further"}


def test_every_initialisation_sees_the_same_labels():
    plan = make_plan(study(), {"lung": task()})
    by_place = {}
    for cell in plan.cells:
        place = tuple(cell.factors[name] for name in ("task", "size_value", "draw"))
        by_place.setdefault(place, set()).add(cell.subset.hash)
    assert all(len(hashes) == 1 for hashes in by_place.values())


def test_more_draws_sizes_and_trials_leave_the_cells_that_were_there():
    before = {cell.id for cell in make_plan(study(), {"lung": task()}).cells}
    grown = study(sizes={"share": [0.3, 0.5, 1.0], "count": [12]}, draws=3, trials=9)
    after = {cell.id for cell in make_plan(grown, {"lung": task()}).cells}
    assert before < after


def test_a_size_below_its_classes_is_refused_with_the_smallest_that_works():
    with pytest.raises(InputRefused, match=r"count 2: task lung .* smallest that works in all draws is count 4"):
        make_plan(study(sizes={"count": [2]}), {"lung": task()})
    make_plan(study(sizes={"count": [4]}), {"lung": task()})


def test_a_size_that_cannot_be_had_may_be_left_out_and_is_named():
    sizes = {"count": [2, 8], "impossible": "leave_out"}
    plan = make_plan(study(sizes=sizes), {"lung": task()})
    assert {cell.factors["size_value"] for cell in plan.cells} == {8}
    assert len(plan.left_out) == 1 and "count 2: task lung" in plan.left_out[0]


def test_the_smallest_share_that_is_named_works():
    with pytest.raises(InputRefused) as refused:
        make_plan(study(sizes={"share": [0.01]}), {"lung": task()})
    named = float(str(refused.value).rsplit(" ", 1)[1])
    make_plan(study(sizes={"share": [named]}), {"lung": task()})


def test_more_labels_than_there_are_is_refused_with_their_number():
    with pytest.raises(InputRefused, match="has 60 labels to pay for; ask for 60 or fewer"):
        make_plan(study(sizes={"count": [61]}), {"lung": task()})


def test_few_validation_patients_mean_default_settings_and_no_trials():
    plan = make_plan(study(sizes={"count": [4, 60]}), {"lung": task()})
    assert {(cell.factors["size_value"], cell.searched, cell.trials) for cell in plan.cells} == {
        (4.0, False, 0),
        (60.0, True, 3),
    }


def test_a_key_ignores_factors_at_their_defaults_and_their_order():
    plain = keys.key({"name": "s"}, {"task": "lung", "draw": 0}, "trial", 0)
    assert plain == keys.key({"name": "s"}, {"draw": 0, "label_noise": 0.0, "task": "lung"}, "trial", 0)
    assert plain != keys.key({"name": "s"}, {"task": "lung", "draw": 0}, "trial", 1)
    assert plain != keys.key({"name": "s"}, {"task": "lung", "draw": 0}, "final", 0)
