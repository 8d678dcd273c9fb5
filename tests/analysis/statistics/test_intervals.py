"""An interval covers what its target names, and says so where it cannot."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t

from analysis.statistics.cell_means import Contrast
from analysis.statistics.intervals import (
    SEPARATED,
    estimate,
    estimate_contrast,
    estimate_difference,
    over_blocks,
    scaled,
)
from analysis.statistics.point import NEW_IMAGES, THIS_TEST_SET, NothingShared, Point
from analysis.statistics.variance_components import Components, components

NONE_STORED = "no test predictions are stored"


def part(*values, df=9, who=("a", "b")):
    return Components(0.7, np.array(values), who, df)


THREE = {(0, 0): 0.6, (1, 0): 0.7, (2, 0): 0.8}


def test_draw_and_test_variance_by_hand():
    """Scores .6 .7 .8: s2/D = .01/3 on 2 df. Sums over draws (.09, -.12), squares .0095: (.0225 - .0095)/6 on 9 df."""
    tests = {(0, 0): part(0.06, -0.05), (1, 0): part(0.0, -0.03), (2, 0): part(0.03, -0.04)}
    found = estimate(Point(THREE, tests, "spark"), bounds=(0, 1))
    variance = 0.01 / 3 + 0.013 / 6
    df = variance**2 / ((0.01 / 3) ** 2 / 2 + (0.013 / 6) ** 2 / 9)
    half = t.ppf(0.975, df) * variance**0.5 / 0.21
    assert (found.mean, found.df) == (pytest.approx(0.7), pytest.approx(df))
    assert (found.low, found.high) == pytest.approx((expit(logit(0.7) - half), expit(logit(0.7) + half)))
    assert found.target == "new patients, this training pool, this encoder", "no share is known"


def test_subsets_of_one_pool_overlap_so_a_new_pool_differs_more():
    """Share .25 of 3 draws: 1 + 3 x .25 / .75 = 2 times the variance between draws."""
    tests = {run: part(1e-6, -1e-6) for run in THREE}
    plain = estimate_contrast([Point(THREE, tests)], [1.0])
    pooled = estimate_contrast([Point(THREE, tests, share=0.25)], [1.0])
    assert pooled.error == pytest.approx(plain.error * 2**0.5)
    assert (plain.target, pooled.target) == ("new patients, this training pool", "new patients")
    assert estimate(Point(THREE, tests, share=0.85)).target == "new patients, this training pool"


def test_without_predictions_the_target_is_this_test_set_and_the_reason_is_kept():
    found = estimate(Point(THREE, NONE_STORED))
    assert (found.target, found.reason) == (THIS_TEST_SET, NONE_STORED)
    assert found.high == pytest.approx(0.7 + 4.302653 * 0.1 / 3**0.5)


def test_where_no_patient_is_named_the_target_is_new_images():
    tests = {run: part(0.1, -0.1) for run in THREE}
    assert estimate(Point(THREE, tests, share=0.1, unit=NEW_IMAGES)).target == "new images"


def test_one_draw_has_no_interval_and_says_why():
    found = estimate(Point({(0, 0): 0.6}, {(0, 0): part(0.1, -0.1)}))
    assert (found.low, found.high, found.pi_low, found.target) == (None, None, None, None)
    assert "one draw" in found.reason


def test_at_the_full_size_draws_are_said_to_measure_training_noise_and_predict_no_subset():
    same = Point({(0, 0): 0.6, (1, 0): 0.7}, {(0, 0): part(0.1, -0.1), (1, 0): part(0.1, -0.1)}, same_patients=True)
    found = estimate(same)
    assert "training noise only" in found.target
    assert found.pi_low is None and "same patients" in found.pi_reason


def test_a_method_is_spoken_of_from_three_encoders_on_and_they_widen_the_interval():
    scores = {(d, e): 0.7 + 0.01 * d + 0.05 * e for d in range(3) for e in range(3)}
    tests = {k: part(0.01, -0.01) for k in scores}
    few = {k: v for k, v in scores.items() if k[1] < 2}
    assert estimate(Point(few, tests, "spark", share=0.1)).target == "new patients, these 2 encoders"
    many = estimate(Point(scores, tests, "spark", share=0.1))
    assert many.target == "new patients, new pre-training runs"
    unlike = estimate(Point({k: v - 0.05 * k[1] for k, v in scores.items()}, tests, "spark", share=0.1))
    assert many.high - many.low > 1.3 * (unlike.high - unlike.low)


def test_the_one_random_encoder_of_a_probe_from_scratch_is_named():
    tests = {run: part(0.1, -0.1) for run in THREE}
    assert estimate(Point(THREE, tests, "scratch", share=0.1)).target == "new patients, this random encoder"


def test_a_perfectly_separated_test_set_gives_no_interval_and_one_mistake_gives_one():
    still, moved = part(0.0, 0.0), part(0.01, -0.01)
    scores = {(0, 0): 1.0, (1, 0): 1.0}
    found = estimate(Point(scores, dict.fromkeys(scores, still)), bounds=(0, 1))
    assert (found.mean, found.low, found.target, found.pi_low) == (1.0, None, None, None)
    assert found.reason == found.pi_reason == SEPARATED
    one = {(0, 0): 0.999, (1, 0): 1.0}
    found = estimate(Point(one, {(0, 0): moved, (1, 0): still}), bounds=(0, 1))
    assert found.low < 0.9995 < found.high and found.target.startswith("new patients")
    beside = estimate_difference(Point(scores, dict.fromkeys(scores, still)), Point(one, dict.fromkeys(one, moved)))
    assert beside.target == THIS_TEST_SET and "separated" in beside.reason


def test_one_new_model_is_not_spoken_of_where_it_would_say_nothing():
    wide = estimate(Point({(0, 0): 0.5, (1, 0): 0.9}, NONE_STORED), bounds=(0, 1))
    assert wide.pi_low is None and "say too little" in wide.pi_reason
    same = estimate(Point({(0, 0): 0.7, (1, 0): 0.7}, NONE_STORED), bounds=(0, 1))
    assert same.pi_low is None and "do not differ" in same.pi_reason
    top = estimate(Point({(0, 0): 0.9, (1, 0): 1.0}, NONE_STORED), bounds=(0, 1))
    assert top.pi_low is None and "at its bound" in top.pi_reason


def test_one_new_model_by_hand():
    """Ten patients of the rarest class: a score s is (10 s + .5) / 11 on the logit scale; 4/3 of the variance."""
    scores = {(0, 0): 0.9, (1, 0): 0.95, (2, 0): 1.0}
    found = estimate(Point(scores, {run: part(0.01, -0.01) for run in scores}), bounds=(0, 1))
    drawn_in = (10 * np.array([0.9, 0.95, 1.0]) + 0.5) / 11
    draws = logit(drawn_in)
    low, high = draws.mean() + np.array([-1, 1]) * t.ppf(0.975, 2) * draws.std(ddof=1) * (4 / 3) ** 0.5
    assert found.pi_low == pytest.approx((11 * expit(low) - 0.5) / 10) and found.pi_high == 1.0 < expit(high) * 1.1


def test_one_new_model_varies_more_than_a_mean_over_encoders_and_seeds():
    twelve = {(draw, 0): 0.7 + 0.01 * (draw % 3) for draw in range(12)}
    few, many = (estimate(Point(twelve, NONE_STORED, single=single)) for single in (0.0, 0.01))
    assert many.pi_high - many.pi_low > few.pi_high - few.pi_low > 0


def test_different_test_patients_are_never_paired():
    first, second = ({run: part(0.1, -0.1, who=who) for run in THREE} for who in (("a", "b"), ("a", "c")))
    found = estimate_difference(Point(THREE, first), Point(THREE, second))
    assert found.target == THIS_TEST_SET and "different test patients" in found.reason


def test_draws_that_were_given_other_subsets_do_not_pair():
    first, second = (Point(THREE, NONE_STORED, subsets={0: "x", 1: "y", 2: other}) for other in "zw")
    assert estimate_difference(first, second).draws == 2
    with pytest.raises(NothingShared):
        estimate_difference(first, Point(THREE, NONE_STORED, subsets={0: 1, 1: 2, 2: 3}))


def test_scales_by_hand():
    """Half width .1 about .8: .1 / .16 on the logit scale; about 2: .05 on the logarithm."""
    found = scaled(Contrast(0.8, {"draws": (1.0, 3)}), (0, 1), half=0.1)
    assert found == pytest.approx((expit(logit(0.8) - 0.625), expit(logit(0.8) + 0.625)))
    found = scaled(Contrast(2.0, {"draws": (1.0, 3)}), (0, np.inf), half=0.1)
    assert found == pytest.approx((2 * np.exp(-0.05), 2 * np.exp(0.05)))
    assert scaled(Contrast(1.0, {"draws": (1.0, 3)}), (0, 1), half=0.1) == pytest.approx((0.9, 1.0))


def test_blocks_give_students_interval_where_they_vary():
    """.6 .7 .8: s = .1, t(2) = 4.3027."""
    low, high = over_blocks(np.array([0.6, 0.7, 0.8]))
    assert (low, high) == (pytest.approx(0.7 - 4.302653 * 0.1 / 3**0.5), pytest.approx(0.7 + 4.302653 * 0.1 / 3**0.5))
    assert over_blocks(np.array([0.7])) is None and over_blocks(np.array([0.7, 0.7])) is None


def worlds(rng, encoders, others, draws=4, repeats=4000):
    """Pairs of equal methods: draws move both alike, each encoder has a level of its own, each run some noise."""
    for _ in range(repeats):
        of_draw = rng.normal(0, 0.03, draws)
        yield tuple(
            Point(
                {
                    (d, e): 0.7 + of_draw[d] + level + rng.normal(0, 0.01)
                    for e, level in enumerate(rng.normal(0, 0.02, count))
                    for d in range(draws)
                },
                NONE_STORED,
                method,
            )
            for method, count in (("spark", encoders), ("byol", others))
        )


@pytest.mark.parametrize(("encoders", "others"), [(3, 3), (3, 5), (5, 3)])
def test_equal_methods_are_told_apart_as_seldom_as_the_level_says(encoders, others):
    rng = np.random.default_rng(encoders * 10 + others)
    found = [estimate_difference(*sides) for sides in worlds(rng, encoders, others)]
    assert {each.target for each in found} == {"this pool and test set, new pre-training runs"}
    assert np.mean([each.low > 0 or each.high < 0 for each in found]) < 0.065


@pytest.mark.parametrize(("encoders", "others"), [(3, 3), (3, 5), (1, 3), (2, 1)])
def test_a_difference_turned_round_is_its_mirror_image(encoders, others):
    for first, second in worlds(np.random.default_rng(5), encoders, others, repeats=3):
        there, back = estimate_difference(first, second), estimate_difference(second, first)
        assert (there.mean, there.low, there.high) == pytest.approx((-back.mean, -back.high, -back.low))
        assert there.target == back.target and there.df == pytest.approx(back.df)


def test_the_target_says_whose_encoders_are_these_alone():
    ((first, second),) = worlds(np.random.default_rng(5), 3, 1, repeats=1)
    assert estimate_difference(first, second).target == (
        "this pool and test set, this encoder of byol, new pre-training runs of spark"
    )
    scratch = Point({(d, 0): v for (d, _), v in second.scores.items()}, NONE_STORED)
    assert estimate_difference(first, scratch).target == "this pool and test set, new pre-training runs"


def test_components_enter_patient_by_patient_so_what_both_find_hard_cancels():
    rng = np.random.default_rng(0)
    labels, who = np.repeat([0, 1], 40), np.arange(80)
    tests = {}
    for run in THREE:
        p = 1 / (1 + np.exp(-(labels + rng.normal(size=80))))
        tests[run] = components("auc", labels, np.column_stack([1 - p, p]), who)
    twin = Point(THREE, tests, share=0.1)
    assert estimate_difference(twin, twin).error == 0 and estimate(twin).error > 0
