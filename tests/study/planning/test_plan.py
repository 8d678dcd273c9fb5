"""A plan is pure: the same study and splits give the same cells and keys, and impossible sizes are refused."""

from dataclasses import dataclass, field

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from study import identity
from study.config import Study
from study.errors import InputRefused
from study.planning.plan import make_plan
from study.planning.plan_text import plan_lines
from tests.study.planning.subsets.pools import samples_of


@dataclass
class Task:
    """As study.planning.plan.SplitTask."""

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


def smallest(task_, **adaptation) -> float:
    with pytest.raises(InputRefused) as refused:
        make_plan(study(**adaptation), {"lung": task_})
    assert "the smallest that works in all draws is" in str(refused.value)
    return float(str(refused.value).rsplit(" ", 1)[1])


def test_the_smallest_share_that_is_named_works():
    named = smallest(task(), sizes={"share": [0.01]})
    make_plan(study(sizes={"share": [named]}), {"lung": task()})
    with pytest.raises(InputRefused):
        make_plan(study(sizes={"share": [named - 0.001]}), {"lung": task()})


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
    plain = identity.key({"name": "s"}, {"task": "lung", "draw": 0}, "trial", 0)
    assert plain == identity.key({"name": "s"}, {"draw": 0, "label_noise": 0.0, "task": "lung"}, "trial", 0)
    assert plain != identity.key({"name": "s"}, {"task": "lung", "draw": 0}, "trial", 1)
    assert plain != identity.key({"name": "s"}, {"task": "lung", "draw": 0}, "final", 0)


uneven = st.lists(
    st.tuples(st.sampled_from(["train", "val"]), st.lists(st.integers(0, 1), min_size=1, max_size=6)),
    min_size=8,
    max_size=30,
).map(lambda patients: Task("lung", samples_of([*patients, ("test", [0, 1])])))


@given(uneven, st.sampled_from(["paid", "full", "cv"]), st.sampled_from(["count", "shots"]))
@settings(max_examples=40, deadline=None)
def test_the_smallest_size_that_is_named_works_in_all_draws_and_one_less_does_not(task_, validation, kind):
    how = {"validation": validation, "draws": 3}
    try:
        make_plan(study(sizes={kind: [1]}, **how), {"lung": task_})
    except InputRefused as refused:
        assume("the smallest that works" in str(refused))
        named = int(smallest(task_, sizes={kind: [1]}, **how))
        make_plan(study(sizes={kind: [named]}, **how), {"lung": task_})
        assert smallest(task_, sizes={kind: [named - 1]}, **how) == named


@pytest.mark.parametrize("validation", ["paid", "full"])
@pytest.mark.parametrize("kind", ["count", "shots", "share"])
def test_a_split_in_which_nobody_trains_is_refused(kind, validation):
    with pytest.raises(InputRefused, match="its split cannot be studied so|has 0 labels to pay for"):
        make_plan(study(sizes={kind: [1]}, validation=validation), {"lung": task(train=0)})


def test_more_shots_than_a_class_has_are_refused_with_their_number():
    with pytest.raises(
        InputRefused, match="shots 21: task lung has 20 training patients of class healthy; .* 20 shots"
    ):
        make_plan(study(sizes={"shots": [21]}), {"lung": task()})
    cells = make_plan(study(sizes={"shots": [20]}), {"lung": task()}).cells
    assert {len(cell.subset.train) for cell in cells} == {40}


def test_levels_make_factors_and_what_is_at_its_default_is_left_out():
    levels = {"validation": ["paid", "cv"], "label_noise": [0, 0.2], "imbalance": [None, 2]}
    lengths = {"length": ["epochs", {"updates": 50}]}
    plan = make_plan(study(**levels, **lengths), {"lung": task()})
    assert len(plan.cells) == 3 * 2 * 2 * (2 * 2 * 2 * 2)
    assert len({cell.id for cell in plan.cells}) == len(plan.cells)
    before = {cell.id for cell in make_plan(study(), {"lung": task()}).cells}
    assert before < {cell.id for cell in plan.cells}
    lengths = {cell.factors.get("length") for cell in plan.cells}
    assert lengths == {None, "50 updates"}


def test_what_has_a_length_of_its_own_still_shares_its_labels():
    plan = make_plan(study(length=["epochs", {"updates": 50}], label_noise=[0.0, 0.2]), {"lung": task()})
    for name in ("length", "initialisation"):
        rest = [{k: v for k, v in cell.factors.items() if k != name} for cell in plan.cells]
        hashes = {(str(factors), cell.subset.hash) for factors, cell in zip(rest, plan.cells, strict=True)}
        assert len(hashes) == len({str(factors) for factors in rest})


def test_selection_is_recorded_as_what_it_was():
    def selections(**selection) -> dict[float, set[str]]:
        given = study(sizes={"count": [4, 12, 60]}, **selection.pop("how", {})).model_dump(mode="json")
        plan = make_plan(Study.model_validate(given | {"selection": selection}), {"lung": task()})
        found: dict[float, set[str]] = {}
        for cell in plan.cells:
            found.setdefault(cell.factors["size_value"], set()).add(cell.selection)
            assert cell.trials == (0 if cell.selection == "defaults" else 3)
            assert (cell.subset.folds is not None) == (cell.subset.validation == "cv")
        return found

    assert selections() == {4.0: {"defaults"}, 12.0: {"defaults"}, 60.0: {"search"}}
    assert selections(otherwise="cv") == {4.0: {"defaults"}, 12.0: {"cv"}, 60.0: {"search"}}
    assert selections(how={"validation": "cv"}) == {4.0: {"defaults"}, 12.0: {"cv"}, 60.0: {"cv"}}


def test_a_full_validation_set_is_not_paid_for():
    plan = make_plan(study(sizes={"count": [4], "share": [1.0]}, validation="full"), {"lung": task()})
    found = {(c.subset.n_labels, len(c.subset.train), len(c.subset.val), c.selection) for c in plan.cells}
    assert found == {(4, 4, 20, "search"), (40, 40, 20, "search")}


def test_each_outer_fold_has_cells_of_its_own():
    folds = [task("lung", train=30, val=10, test=10 + extra) for extra in range(3)]
    whole = task("lung")
    whole.folds = folds
    plan = make_plan(study(sizes={"count": [20]}), {"lung": whole})
    assert {cell.factors["fold"] for cell in plan.cells} == {0, 1, 2}
    assert len(plan.cells) == 3 * 3 * 2 and len({cell.id for cell in plan.cells}) == 18


def test_an_imbalance_that_cannot_be_had_is_refused_by_its_name():
    with pytest.raises(InputRefused, match=r"adaptations\.full\.imbalance: task lung: .* cannot be thinned to 50 : 1"):
        make_plan(study(imbalance=[None, 50]), {"lung": task()})


def test_a_plan_tells_lengths_as_they_are_asked_and_each_reason_once():
    asked = study(
        sizes={"share": [1.0], "count": [1000], "impossible": "leave_out"},
        label_noise=[0.0, 0.2],
        length=["epochs", {"updates": 12}],
        epochs=7,
    )
    lines = plan_lines(asked, make_plan(asked, {"lung": task()}))
    assert "7 epochs or 12 updates each" in lines[3]
    left_out = [line for line in lines if "left out" in line]
    assert left_out and len(left_out) == len(set(left_out))
