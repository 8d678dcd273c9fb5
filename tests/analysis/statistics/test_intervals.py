"""An interval covers what its target names, and says so where it cannot."""

import numpy as np
import pytest
from scipy.stats import norm, t

from analysis.statistics.intervals import (
    NEW_PATIENTS,
    THIS_TEST_SET,
    Side,
    estimate,
    estimate_difference,
    minus,
    over_blocks,
    satterthwaite,
)
from analysis.statistics.variance_components import Components, components


def part(*values, df=9, who=("a", "b")):
    return Components(0.7, np.array(values), who, df)


def test_draw_and_test_variance_by_hand():
    """Scores .6 .7 .8: s = .1, s2/D = .00333 on 2 df. Test components of the mean (.03, -.04): V = .0025 on 9 df."""
    scores = {(0, 0): 0.6, (1, 0): 0.7, (2, 0): 0.8}
    tests = {(0, 0): part(0.06, -0.05), (1, 0): part(0.0, -0.03), (2, 0): part(0.03, -0.04)}
    found = estimate(scores, tests, bounds=(0, 1), encoder="spark")
    variance = 0.01 / 3 + 0.0025
    df = variance**2 / ((0.01 / 3) ** 2 / 2 + 0.0025**2 / 9)
    half = t.ppf(0.975, df) * variance**0.5
    assert (found.mean, found.df) == (pytest.approx(0.7), pytest.approx(df))
    assert found.low == pytest.approx(0.7 - half)
    assert found.high == pytest.approx(0.7 + half)
    assert found.target == "new patients, this encoder"
    assert found.pi_low == pytest.approx(0.7 - 4.302653 * 0.1 * (4 / 3) ** 0.5)
    assert found.pi_high == 1.0, "clipped to the metric's range"


def test_without_predictions_the_target_is_this_test_set_and_the_reason_is_kept():
    found = estimate({(0, 0): 0.6, (1, 0): 0.7, (2, 0): 0.8}, "no test predictions are stored")
    assert found.target == THIS_TEST_SET
    assert found.high == pytest.approx(0.7 + 4.302653 * 0.1 / 3**0.5)
    assert found.reason == "no test predictions are stored"


def test_one_draw_has_no_interval_and_says_why():
    found = estimate({(0, 0): 0.6}, {(0, 0): part(0.1, -0.1)})
    assert (found.low, found.high, found.pi_low, found.target) == (None, None, None, None)
    assert "one draw" in found.reason


def test_at_the_full_size_draws_are_said_to_measure_training_noise_and_predict_no_subset():
    found = estimate({(0, 0): 0.6, (1, 0): 0.7}, {(0, 0): part(0.1, -0.1), (1, 0): part(0.1, -0.1)}, same_patients=True)
    assert "training noise only" in found.target
    assert found.pi_low is None and "same patients" in found.pi_reason


def test_a_method_is_spoken_of_from_three_encoders_on_and_they_widen_the_interval():
    scores = {(d, e): 0.7 + 0.01 * d + 0.05 * e for d in range(3) for e in range(3)}
    few = {k: v for k, v in scores.items() if k[1] < 2}
    tests = {k: part(0.01, -0.01) for k in scores}
    assert estimate(few, tests, encoder="spark").target == "new patients, these 2 encoders"
    many = estimate(scores, tests, encoder="spark")
    assert many.target == "new patients, new pre-training runs"
    unlike = estimate(scores, tests)
    assert many.high - many.low > 1.3 * (unlike.high - unlike.low)


def test_a_perfectly_separated_test_set_is_not_called_certain():
    found = estimate({(0, 0): 0.99, (1, 0): 1.0}, {(0, 0): part(0.0, 0.0), (1, 0): part(0.0, 0.0)})
    assert found.target == THIS_TEST_SET and "separated" in found.reason


def test_different_test_patients_are_never_paired():
    with pytest.raises(ValueError, match="different test patients"):
        minus(part(0.1, 0.2), part(0.1, 0.2, who=("a", "c")))


def test_satterthwaite_of_equal_parts_adds_their_degrees_of_freedom():
    assert satterthwaite([(1.0, 4), (1.0, 4)]) == (2.0, 8.0)


def test_blocks_give_students_interval_where_they_vary():
    """.6 .7 .8: s = .1, t(2) = 4.3027."""
    low, high = over_blocks(np.array([0.6, 0.7, 0.8]))
    assert (low, high) == (pytest.approx(0.7 - 4.302653 * 0.1 / 3**0.5), pytest.approx(0.7 + 4.302653 * 0.1 / 3**0.5))
    assert over_blocks(np.array([0.7])) is None and over_blocks(np.array([0.7, 0.7])) is None


def simulate(draws, seed, patients=50, images=2):
    """One study: D models of differing skill on one shared test set of 2 x `patients` patients; the true mean AUC."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0], patients * images)
    who = np.repeat(np.arange(2 * patients), images).astype(str)
    hard = np.repeat(rng.normal(size=2 * patients), images) * 0.6 + rng.normal(size=labels.size) * 0.5
    scores, tests, own = {}, {}, 0.62**0.5
    for draw in range(draws):
        shift = 1.0 + rng.normal() * 0.07
        p1 = norm.cdf(shift * labels + hard + rng.normal(size=labels.size) * own)
        tests[draw, 0] = components("auc", labels, np.column_stack([1 - p1, p1]), who)
        scores[draw, 0] = tests[draw, 0].estimate
    return scores, tests


def test_the_new_patients_interval_covers_the_population_value_and_plain_t_over_draws_does_not():
    deviation = (0.6**2 + 0.5**2 + 0.62) ** 0.5
    rng = np.random.default_rng(0)
    truth = norm.cdf((1.0 + rng.normal(size=20_000) * 0.07) / (2**0.5 * deviation)).mean()
    ours, plain = [], []
    for seed in range(400):
        scores, tests = simulate(5, seed)
        new, old = estimate(scores, tests), estimate(scores, "left out")
        assert new.target == NEW_PATIENTS
        ours.append(new.low <= truth <= new.high)
        plain.append(old.low <= truth <= old.high)
    assert 0.90 <= np.mean(ours) <= 0.99
    assert np.mean(plain) < 0.70


def worlds(rng, encoders, others, draws=4, repeats=4000):
    """Pairs of equal methods: draws move both alike, each encoder has a level of its own, each run some noise."""
    for _ in range(repeats):
        of_draw = rng.normal(0, 0.03, draws)
        yield tuple(
            Side(
                {
                    (d, e): 0.7 + of_draw[d] + level + rng.normal(0, 0.01)
                    for e, level in enumerate(rng.normal(0, 0.02, count))
                    for d in range(draws)
                },
                "left out",
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
        assert (there.pi_low, there.pi_high) == pytest.approx((-back.pi_high, -back.pi_low))
        assert there.target == back.target and there.df == pytest.approx(back.df)


def test_the_target_says_whose_encoders_are_these_alone():
    ((first, second),) = worlds(np.random.default_rng(5), 3, 1, repeats=1)
    assert estimate_difference(first, second).target == (
        "this pool and test set, this encoder of byol, new pre-training runs of spark"
    )
    scratch = Side({(d, 0): v for (d, _), v in second.scores.items()}, "left out")
    assert estimate_difference(first, scratch).target == "this pool and test set, new pre-training runs"
