"""What the statistics promise, in short simulations, each beside the rule that it replaced, which fails there.

The long ones are run by hand: `python -m tests.simulations.coverage`, `.equal_methods` and `.planted`.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import t as student

from analysis.statistics.claims import SUPPORTED, Claim, examine
from analysis.statistics.curves import curves
from analysis.statistics.intervals import estimate, estimate_difference
from analysis.statistics.point import THIS_TEST_SET

from . import coverage, equal_methods, planted
from .repeats import rate, repeated
from .scenarios import BASE, CROSSINGS, EVERY, crossings
from .world import World, placed, study


def over_draws(scores, level=0.975):
    """The rule replaced: Student's t over values, as if nothing else varied."""
    values = np.array(scores)
    half = student.ppf(level, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


def by_draw(point):
    draws = sorted({d for d, _ in point.scores})
    return np.array([np.mean([v for (d, _), v in point.scores.items() if d == draw]) for draw in draws])


def by_encoder(point):
    encoders = sorted({e for _, e in point.scores})
    return np.array([np.mean([v for (_, e), v in point.scores.items() if e == encoder]) for encoder in encoders])


def holds(interval, truth):
    return interval[0] <= truth <= interval[1]


def test_the_truth_of_a_world_is_the_mean_of_many_studies():
    world = replace(BASE, draws=2, positive=40, negative=40, shares=(0.5,), findings=3)
    made = repeated(_scores, world, 250)
    assert np.mean(made) == pytest.approx(0.8, abs=4 * np.std(made) / 250**0.5)
    assert crossings() == CROSSINGS and len(CROSSINGS) == 20 and len(EVERY) > 45


def _scores(world, rng):
    return float(np.mean(list(study(world, rng).points["a", 0].scores.values())))


@pytest.mark.parametrize("words", [words for words in EVERY if words.startswith(("base", "5 outer", "3 encoders on"))])
def test_means_and_differences_cover(words):
    found = repeated(coverage.once, EVERY[words], 150)
    for kind in ("mean", "difference"):
        _, low, high = rate([each[kind].held for each in found])
        assert low < 0.975 and high > 0.93, (kind, low, high)


def test_new_patients_are_not_covered_by_draws_alone():
    ours, old = zip(*repeated(_mean, replace(BASE, positive=20, negative=20), 150), strict=True)
    assert np.mean(old) < 0.7 and np.mean(ours) > 0.9


def _mean(world, rng):
    made = study(world, rng)
    found = estimate(made.points["a", 0], bounds=(0, 1))
    truth = made.truth("a", 0, found.target)
    return holds((found.low, found.high), truth), holds(over_draws(by_draw(made.points["a", 0])), truth)


def test_near_one_the_natural_scale_covers_too_little_and_the_logit_scale_does_not():
    found = repeated(_near_one, EVERY["AUC .99, 8 + 8 patients"], 300)
    ours, natural = zip(*(each for each in found if each is not None), strict=True)
    assert np.mean(natural) < 0.85 < 0.92 < np.mean(ours)


def _near_one(world, rng):
    made = study(world, rng)
    on_logits, natural = (estimate(made.points["a", 0], bounds=bounds) for bounds in ((0, 1), None))
    if on_logits.target.startswith(THIS_TEST_SET):
        return None
    truth = made.truth("a", 0, on_logits.target)
    return holds((on_logits.low, on_logits.high), truth), holds((natural.low, natural.high), truth)


def test_subsets_of_one_pool_speak_of_a_new_pool_with_their_overlap_alone():
    world = replace(BASE, shares=(0.7,), positive=300, negative=300, draw=0.5, draws=5)
    ours, old = zip(*repeated(_pool, world, 120), strict=True)
    assert np.mean(old) < 0.85 and np.mean(ours) > 0.92


def _pool(world, rng):
    made = study(world, rng)
    point = made.points["a", 0]
    found, fixed = estimate(point, bounds=(0, 1)), estimate(replace(point, share=None), bounds=(0, 1))
    truth = made.truth("a", 0, found.target)
    return holds((found.low, found.high), truth), holds((fixed.low, fixed.high), truth)


def test_equal_methods_of_few_encoders_are_told_apart_too_often_by_one_sides_encoders():
    world = replace(
        EVERY["encoders that differ much, 3 and 3"], positive=200, negative=200, draw=0.05, draw_method=0.02
    )
    ours, old = zip(*repeated(_apart, world, 200), strict=True)
    assert np.mean(old) > 0.08 and np.mean(ours) < 0.08


def _apart(world, rng):
    made = study(world, rng)
    a, b = made.points["a", 0], made.points["b", 0]
    found = estimate_difference(a, b)
    own = by_encoder(a) - by_encoder(b).mean()
    return found.low > 0 or found.high < 0, not holds(over_draws(own), 0.0)


def test_one_random_encoder_is_named_since_others_are_not_covered():
    world = replace(BASE, encoder=0.6, draw=0.05, draw_method=0.02)
    ours, old = zip(*repeated(_scratch, world, 120), strict=True)
    assert np.mean(old) < 0.8 and np.mean(ours) > 0.9


def _scratch(world, rng):
    made = study(world, rng)
    found = estimate(replace(made.points["a", 0], encoder="scratch"), bounds=(0, 1))
    assert found.target.endswith("this random encoder")
    interval = (found.low, found.high)
    return holds(interval, made.truth("a", 0, found.target)), holds(interval, made.truth("a", 0, "new patients"))


def test_one_new_subset_is_one_model_not_a_mean_over_encoders():
    world = replace(BASE, encoders={"a": 5, "b": 1}, encoder=0.3, draw=0.05, draw_method=0.02)
    found = [each for each in repeated(_new_model, world, 150) if each is not None]
    ours, old = zip(*found, strict=True)
    assert np.mean(old) < 0.85 and np.mean(ours) > 0.9


def _new_model(world, rng):
    made = study(world, rng)
    found, draws = estimate(made.points["a", 0], bounds=(0, 1)), by_draw(made.points["a", 0])
    if found.pi_low is None:
        return None
    half = student.ppf(0.975, len(draws) - 1) * draws.std(ddof=1) * (1 + 1 / len(draws)) ** 0.5
    new = made.one_more["a", 0]
    return holds((found.pi_low, found.pi_high), new), abs(new - draws.mean()) <= half


def test_of_eight_equal_methods_some_pair_is_apart_by_itself_and_none_in_the_family():
    found = repeated(_family, equal_methods.equal(8, encoders=1), 25)
    ours, old = zip(*found, strict=True)
    assert np.mean(old) > 0.2 and rate(ours)[1] <= 0.05


def _family(world, rng):
    said = equal_methods.once(world, rng)
    made = study(world, rng)
    pairs = [estimate_difference(made.points[a, 0], made.points[b, 0]) for a, b in combinations(world.auc, 2)]
    return said["any separated"], any(pair.low > 0 or pair.high < 0 for pair in pairs)


def test_a_saving_of_two_equal_methods_is_always_read_off_the_means_and_never_printed():
    ours, old = zip(*repeated(_saving, equal_methods.equal(2), 80), strict=True)
    assert np.mean(old) > 0.4 and rate(ours)[1] <= 0.05


def _saving(world, rng):
    said = equal_methods.once(world, rng)
    means = {name: [p.point for p in placed(study(world, rng)) if p.initialisation == name] for name in world.auc}
    first, second = ([np.mean(list(p.scores.values())) for p in points] for points in means.values())
    return said["any saving"] or said["a claim supported"], max(first[:-1]) > second[-1] or max(second[:-1]) > first[-1]


def test_at_the_margin_a_claim_is_granted_as_seldom_as_it_promises():
    """The rule replaced: ten pre-training runs are blocks, and patients and draws count as fixed."""
    names = {"m0": 10, "m1": 10}
    world = World(auc=dict.fromkeys(names, (0.8,)), encoders=names, encoder=0.05, positive=40, negative=40)
    ours, old = zip(*repeated(_granted, world, 150), strict=True)
    assert np.mean(old) > 0.08 and rate(ours)[1] <= 0.025


def _granted(world, rng):
    worse = replace(world, auc={"m0": (0.78,), "m1": (0.8,)})
    made = study(worse, rng)
    blocks = by_encoder(made.points["m0", 0]) - by_encoder(made.points["m1", 0])
    verdict = examine(placed(made), Claim("non_inferior", "m0", "m1", 0.02)).verdict
    return verdict == SUPPORTED, over_draws(blocks)[0] > -0.02


def test_planted_savings_crossings_drops_and_goals_lie_in_their_sets():
    found = repeated(planted.once, planted.AHEAD, 60)
    for what in planted.WHAT:
        assert rate([each[what][0] for each in found])[2] > 0.93, what


def test_a_curve_that_is_ahead_is_found_in_a_large_study():
    world = replace(planted.AHEAD, auc=planted._world(0.74 + 0.04 * planted.STEPS, 0.66 + 0.04 * planted.STEPS).auc)
    found = repeated(planted.power, replace(world, draws=10, positive=200, negative=200), 12)
    assert np.mean([apart for apart, _ in found]) > 0.7


def test_what_all_points_share_is_compared_and_a_lucky_draw_alone_is_not():
    """A draw that one side alone has, however good, changes no difference."""
    made = study(replace(BASE, draws=4), np.random.default_rng(0))
    a, b = made.points["a", 0], made.points["b", 0]
    lucky = replace(a, scores=a.scores | {(9, 0): 0.999}, tests=a.tests | {(9, 0): a.tests[0, 0]})
    assert estimate_difference(lucky, b) == estimate_difference(a, b)
    assert curves(placed(made), ["a"]) is None
