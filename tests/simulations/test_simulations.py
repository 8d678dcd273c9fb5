"""What the statistics promise, in short simulations. The long ones are run by hand: `python -m
tests.simulations.coverage`, `.near_bounds`, `.equal_methods` and `.planted`; docs/STATISTICS.md tells what they gave.
"""

from dataclasses import replace

import numpy as np
import pytest

from analysis.statistics.points import points
from tests.simulations import coverage, equal_methods, near_bounds, planted
from tests.simulations.page import tables
from tests.simulations.repeats import percent, rate, repeated
from tests.simulations.scenarios import BASE, CROSSINGS, EVERY, crossings
from tests.simulations.world import World, study


@pytest.mark.parametrize("more", [{}, {"findings": 3}, {"classes": 3}, {"folds": 2, "encoders": {"a": 3, "b": 1}}])
def test_the_truth_of_a_world_is_the_mean_of_many_studies(more):
    world = replace(BASE, draws=2, positive=20, negative=20, images=1, shares=(0.5,), **more)
    made = repeated(_scores, world, 120)
    assert np.mean(made) == pytest.approx(0.8, abs=4 * np.std(made) / 120**0.5)


def _scores(world, rng):
    return float(np.mean(list(study(world, rng).points["a", 0].scores.values())))


def test_the_truth_for_this_pool_encoder_and_test_set_is_nearer_to_a_studys_own_mean():
    """Where little is left to vary, a large study finds it."""
    world = replace(BASE, draws=25, encoder=0.4, draw=0.5, positive=40, negative=40, shares=(0.5,))
    made = study(world, np.random.default_rng(3))
    mean = np.mean(list(made.points["a", 0].scores.values()))
    targets = ("new patients", "this training pool, this encoder", "this pool and test set, this encoder")
    truths = [made.truth("a", 0, target) for target in targets]
    assert abs(truths[2] - mean) < 0.02 < abs(truths[0] - mean)
    assert truths[0] == pytest.approx(0.8) and truths[1] != pytest.approx(0.8, abs=1e-3)


def test_draws_of_one_pool_overlap_and_sizes_nest():
    """Without any noise of runs, the whole pool is one subset, and half of it is nearer to it than a tenth."""
    still = {"run": 0.0, "run_image": 0.0, "training": 0.0}
    world = World(
        draws=20, auc={"a": (0.8,) * 3}, labels=(10, 50, 100), shares=(0.1, 0.5, 1.0), draw=0.4, positive=200,
        negative=200, **still,
    )  # fmt: skip
    made = study(world, np.random.default_rng(0))
    spread = [np.std([v for v in made.points["a", size].scores.values()]) for size in range(3)]
    assert spread[2] < 1e-12 < spread[1] < spread[0]


def test_points_made_directly_are_those_of_the_tables():
    world = replace(equal_methods.on_page(equal_methods.equal(2, draws=2, patients=8, sizes=2)), folds=2)
    made = study(world, np.random.default_rng(1))
    for placed in points(tables(made), metrics=("auc",)):
        size = world.shares.index(placed.factors["size_value"])
        own = made.points[placed.initialisation, size]
        assert placed.point.share == pytest.approx(own.share)
        for run, value in own.scores.items():
            assert placed.point.scores[run] == pytest.approx(value)
            found = np.sort(placed.point.tests[run].values)
            assert found == pytest.approx(np.sort(own.tests[run].values), abs=1e-6)


def test_scenarios_are_fixed():
    assert crossings() == CROSSINGS and len(CROSSINGS) == 20 and len(EVERY) > 50


def test_a_rate_has_the_interval_of_clopper_and_pearson():
    """No event in 10: up to 1 - .025^(1/10)."""
    assert rate([False] * 10) == pytest.approx((0, 0, 1 - 0.025**0.1))
    assert percent([True, False]) == "50.0 (1.3 to 98.7)" and percent([]) == "-"


@pytest.mark.parametrize("words", [words for words in EVERY if words.startswith(("base", "5 outer folds, 15", "3 cl"))])
def test_means_and_differences_cover(words):
    found = repeated(coverage.once, replace(EVERY[words], draws=4, images=1), 60)
    for kind in ("mean", "difference"):
        held = [bool(each[kind].held) for each in found if each[kind].held is not None]
        assert len(held) > 50 and rate(held)[2] > 0.93, (kind, rate(held))
    assert coverage.row(words, found).count("|") == coverage.HEADER.count("|")


def test_near_one_what_is_printed_covers():
    world = replace(BASE, auc={"a": (0.97,)}, positive=30, negative=30)
    found = repeated(near_bounds.once, world, 120)
    for kind in ("mean", "new"):
        held = [getattr(each, kind).held for each in found]
        assert rate([bool(each) for each in held if each is not None])[2] > 0.93, kind
        assert np.mean([each is not None for each in held]) > 0.95, "with 30 patients a class nothing is refused"


@pytest.mark.parametrize("encoders", [1, 3])
def test_equal_methods_are_seldom_told_apart(encoders):
    found = repeated(equal_methods.once, equal_methods.equal(3, encoders=encoders, draws=3, patients=15, sizes=2), 12)
    assert rate([each["any separated"] for each in found])[1] <= 0.05
    assert rate([each["any saving"] for each in found])[1] <= 0.05


def test_the_page_of_equal_methods_says_so():
    world = equal_methods.on_page(equal_methods.equal(2, draws=3, patients=12, sizes=3))
    found = repeated(equal_methods.on_paper, world, 10)
    assert rate([each["said to be better"] or each["said to save labels"] for each in found])[1] <= 0.05


def test_planted_savings_crossings_drops_and_goals_lie_in_their_sets():
    world = replace(planted.AHEAD, positive=25, negative=25, images=1, draws=3)
    found = repeated(planted.once, world, 15)
    for what in planted.WHAT:
        assert rate([each[what][0] for each in found])[2] > 0.93, what


def test_a_curve_that_is_ahead_is_found_in_a_large_study():
    world = replace(planted.ahead_by(0.08), draws=6, positive=150, negative=150, images=1)
    found = repeated(planted.power, world, 6)
    assert np.mean([apart for apart, _ in found]) > 0.7
