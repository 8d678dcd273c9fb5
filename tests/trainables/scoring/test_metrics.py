import math

import numpy as np
import pytest
import sklearn.metrics as sk

from trainables.scoring import metrics


def binary(positive):
    return np.stack([1 - np.asarray(positive), positive], 1)


def test_two_classes_by_hand():
    labels, p = [0, 0, 1, 1], binary([0.1, 0.6, 0.6, 0.8])
    found = metrics.evaluate(labels, p)
    assert found["auc"] == pytest.approx(3.5 / 4)  # one of the four pairs is tied
    assert found["auprc"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found["balanced_accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.16 + 0.04) / 4)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.6, 0.8]).mean())


def test_three_classes_by_hand():
    labels = [0, 1, 2]
    p = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]])
    found = metrics.evaluate(labels, p)
    assert found["auc"] == 1.0
    assert found["balanced_accuracy"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert found["brier"] == pytest.approx(((0.16 + 0.09 + 0.01) + (0.25 + 0.36 + 0.01) + (0.04 + 0.04 + 0.16)) / 3)


@pytest.mark.parametrize("classes", [2, 5])
def test_agrees_with_scikit_learn(classes):
    generator = np.random.default_rng(classes)
    labels = np.concatenate([np.arange(classes), generator.integers(0, classes, 80)])
    p = generator.dirichlet(np.ones(classes), len(labels))
    scores = p[:, 1] if classes == 2 else p
    expected = {
        "auc": sk.roc_auc_score(labels, scores, multi_class="ovr"),
        "auprc": sk.average_precision_score(labels, scores),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, p.argmax(1)),
        "macro_f1": sk.f1_score(labels, p.argmax(1), average="macro"),
        "log_loss": sk.log_loss(labels, p),
        "brier": sk.brier_score_loss(labels, scores)
        if classes == 2
        else ((p - np.eye(classes)[labels]) ** 2).sum(1).mean(),
    }
    found = metrics.evaluate(labels, p)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_findings_agree_with_scikit_learn():
    generator = np.random.default_rng(0)
    labels, p = generator.integers(0, 2, (60, 4)), generator.random((60, 4))
    expected = {
        "auc": sk.roc_auc_score(labels, p, average="macro"),
        "auprc": sk.average_precision_score(labels, p, average="macro"),
        "balanced_accuracy": np.mean([sk.balanced_accuracy_score(labels[:, f], p[:, f] > 0.5) for f in range(4)]),
        "macro_f1": sk.f1_score(labels, p > 0.5, average="macro"),
        "brier": np.mean([sk.brier_score_loss(labels[:, f], p[:, f]) for f in range(4)]),
        "log_loss": np.mean([sk.log_loss(labels[:, f], p[:, f]) for f in range(4)]),
    }
    found = metrics.evaluate(labels, p)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_finding_that_every_image_has_is_left_out_of_the_mean():
    generator = np.random.default_rng(1)
    labels, p = generator.integers(0, 2, (30, 2)), generator.random((30, 3))
    labels = np.column_stack([labels, np.ones(30, dtype=int)])
    assert metrics.auc(labels, p) == pytest.approx(sk.roc_auc_score(labels[:, :2], p[:, :2]))
    assert metrics.auc(labels[:, 2:], p[:, 2:]) is None


def calibration_error(right, p):
    """Bin by bin, image by image."""
    total = 0.0
    for number in range(metrics.BINS):
        low, high = number / metrics.BINS, (number + 1) / metrics.BINS
        inside = [i for i, value in enumerate(p) if low <= value < high or (value == 1 and high == 1)]
        total += abs(sum(right[i] for i in inside) - sum(p[i] for i in inside))
    return total / len(p)


def test_the_calibration_error_is_that_of_a_loop_over_bins_and_images():
    generator = np.random.default_rng(2)
    p, labels = np.append(generator.random(79), 1.0), generator.integers(0, 2, 80)
    assert metrics.ece(labels, binary(p)) == pytest.approx(calibration_error(labels, p))
    many, classes = generator.dirichlet(np.ones(4) / 2, 80), generator.integers(0, 4, 80)
    assert metrics.ece(classes, many) == pytest.approx(calibration_error(many.argmax(1) == classes, many.max(1)))
    findings, apart = generator.integers(0, 2, (80, 2)), generator.random((80, 2))
    each = [calibration_error(findings[:, f], apart[:, f]) for f in (0, 1)]
    assert metrics.ece(findings, apart) == pytest.approx(np.mean(each))


def test_a_class_without_images_leaves_ranking_metrics_undefined_and_the_proper_scores_defined():
    found = metrics.evaluate([1, 1], binary([0.5, 0.9]))
    assert {name for name, value in found.items() if value is None} == {"auc", "auprc", "balanced_accuracy", "macro_f1"}
    assert None not in (found["brier"], found["log_loss"], found["ece"])


def test_no_images_leave_everything_undefined():
    assert set(metrics.evaluate([], np.empty((0, 2))).values()) == {None}


def test_a_certain_mistake_costs_a_finite_log_loss():
    assert metrics.log_loss([1, 0], binary([0.0, 0.0])) == pytest.approx(-math.log(metrics.CLIP) / 2)


def test_objectives_grow_with_quality():
    assert metrics.objective("auc", 0.7) == 0.7
    assert metrics.objective("log_loss", 0.7) == -0.7
    assert metrics.objective("log_loss", None) is None


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="did you mean 'auprc'"):
        metrics.get("auprcc")
    with pytest.raises(ValueError, match="outside 0..1"):
        metrics.auc([0, 2], binary([0.1, 0.2]))
    with pytest.raises(ValueError, match="probabilities"):
        metrics.auc([0, 1, 1], binary([0.1, 0.2]))
    with pytest.raises(ValueError, match="outside 0..1"):
        metrics.auc([[0, 2], [1, 0]], binary([0.1, 0.2]))
