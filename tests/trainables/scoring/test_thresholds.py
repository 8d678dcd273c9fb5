import numpy as np
import pytest
import sklearn.metrics as sk

from trainables.scoring import metrics, thresholds

EVERY = np.arange(-0.005, 1.01, 0.01)
"""Thresholds that cut probabilities of two decimals in every way."""


def made(count, seed, *, shift=0.2):
    generator = np.random.default_rng(seed)
    positive = generator.random(count) < 0.3
    return positive, np.clip(np.round(generator.normal(0.3 + shift * positive, 0.15), 2), 0, 1)  # rounded: with ties


def two_columns(p):
    return np.stack([1 - p, p], 1)


@pytest.mark.parametrize("seed", range(5))
def test_youdens_threshold_has_the_largest_balanced_accuracy_of_all(seed):
    positive, p = made(50, seed)
    chosen = thresholds.youden(positive, p)
    best = max(sk.balanced_accuracy_score(positive, p > t) for t in EVERY)
    assert sk.balanced_accuracy_score(positive, p > chosen) == pytest.approx(best)


def test_of_equal_thresholds_the_one_nearest_a_half_is_chosen():
    positive, p = np.array([False, True, False, True]), np.array([0.1, 0.2, 0.6, 0.7])
    assert thresholds.youden(positive, p) == pytest.approx(0.65)  # 0.15 separates as well


@pytest.mark.parametrize("positive", [[True, True], [False, False], [True, False]])
def test_without_both_classes_or_better_than_chance_the_threshold_is_a_half(positive):
    assert thresholds.youden(np.array(positive), np.array([0.2, 0.9])) == 0.5
    assert thresholds.youden(np.array([], dtype=bool), np.array([])) == 0.5


@pytest.mark.parametrize("specificity", [0.5, 0.8, 0.9, 1.0])
def test_at_a_specificity_no_other_threshold_is_more_sensitive(specificity):
    positive, p = made(60, 3)
    chosen = thresholds.at_specificity(positive, p, specificity)
    assert (p[~positive] <= chosen).mean() >= specificity
    allowed = [t for t in EVERY if (p[~positive] <= t).mean() >= specificity]
    assert (p[positive] > chosen).mean() == max((p[positive] > t).mean() for t in allowed)


def test_validation_chooses_and_the_test_set_is_judged():
    val, val_p = made(40, 1)
    test, test_p = made(70, 2)
    found = thresholds.evaluate(test.astype(int), two_columns(test_p), val.astype(int), two_columns(val_p))
    youden, strict = thresholds.youden(val, val_p), thresholds.at_specificity(val, val_p, 0.9)
    assert found == pytest.approx(
        {
            "balanced_accuracy_at_threshold": sk.balanced_accuracy_score(test, test_p > youden),
            "macro_f1_at_threshold": sk.f1_score(test, test_p > youden, average="macro"),
            "sensitivity_at_specificity_0.9": sk.recall_score(test, test_p > strict),
            "specificity_realised_0.9": sk.recall_score(test, test_p > strict, pos_label=0),
        }
    )


def test_validation_without_negatives_leaves_no_sensitivity_and_falls_back_to_a_half():
    test, p = made(30, 4)
    found = thresholds.evaluate(test.astype(int), two_columns(p), [1, 1], two_columns(np.array([0.1, 0.2])))
    assert found["sensitivity_at_specificity_0.9"] is found["specificity_realised_0.9"] is None
    assert found["balanced_accuracy_at_threshold"] == metrics.balanced_accuracy(test.astype(int), two_columns(p))


def test_a_test_set_without_positives_has_no_sensitivity():
    val, val_p = made(30, 5)
    found = thresholds.evaluate([0, 0], two_columns(np.array([0.1, 0.2])), val.astype(int), two_columns(val_p))
    assert set(found.values()) == {None}


def test_more_classes_are_averaged_each_against_the_rest_unless_one_is_named():
    generator = np.random.default_rng(6)
    labels, val_labels = (np.append(generator.integers(0, 3, 60), [0, 1, 2]) for _ in "ab")
    p, val_p = generator.dirichlet(np.ones(3), 63), generator.dirichlet(np.ones(3), 63)
    apart = []
    for c in range(3):
        threshold = thresholds.at_specificity(val_labels == c, val_p[:, c], 0.8)
        apart.append((p[labels == c, c] > threshold).mean())
    found = thresholds.evaluate(labels, p, val_labels, val_p, specificity=0.8)
    assert set(found) == {"sensitivity_at_specificity_0.8", "specificity_realised_0.8"}
    assert found["sensitivity_at_specificity_0.8"] == pytest.approx(np.mean(apart))
    named = thresholds.evaluate(labels, p, val_labels, val_p, specificity=0.8, positive=2)
    assert named["sensitivity_at_specificity_0.8"] == pytest.approx(apart[2])


def test_each_finding_has_its_own_threshold():
    (a, p_a), (b, p_b) = made(50, 7), made(50, 8, shift=0.1)
    (val_a, q_a), (val_b, q_b) = made(40, 9), made(40, 10, shift=0.1)
    labels, val = np.stack([a, b], 1).astype(int), np.stack([val_a, val_b], 1).astype(int)
    found = thresholds.evaluate(labels, np.stack([p_a, p_b], 1), val, np.stack([q_a, q_b], 1))
    decided = [p_a > thresholds.youden(val_a, q_a), p_b > thresholds.youden(val_b, q_b)]
    assert found["macro_f1_at_threshold"] == pytest.approx(
        np.mean([sk.f1_score(a, decided[0]), sk.f1_score(b, decided[1])])
    )
    apart = [sk.balanced_accuracy_score(y, d) for y, d in zip((a, b), decided, strict=True)]
    assert found["balanced_accuracy_at_threshold"] == pytest.approx(np.mean(apart))
