import math

import numpy as np
import pytest
import sklearn.metrics as sk

from trainables import metrics


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
    assert metrics.evaluate(labels, p) == pytest.approx(expected)


def test_a_class_without_images_leaves_ranking_metrics_undefined_and_the_proper_scores_defined():
    found = metrics.evaluate([1, 1], binary([0.5, 0.9]))
    assert {name for name, value in found.items() if value is None} == {"auc", "auprc", "balanced_accuracy", "macro_f1"}
    assert found["brier"] is not None and found["log_loss"] is not None


def test_no_images_leave_everything_undefined():
    assert set(metrics.evaluate([], np.empty((0, 2))).values()) == {None}


def test_a_certain_mistake_costs_a_finite_log_loss():
    assert metrics.log_loss([1, 0], binary([0.0, 0.0])) == pytest.approx(-math.log(metrics.CLIP) / 2)


def test_objectives_grow_with_quality():
    assert metrics.objective("auc", 0.7) == 0.7
    assert metrics.objective("log_loss", 0.7) == -0.7
    assert metrics.objective("log_loss", None) is None


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="nearest: 'auprc'"):
        metrics.get("auprcc")
    with pytest.raises(ValueError, match="outside 0..1"):
        metrics.auc([0, 2], binary([0.1, 0.2]))
    with pytest.raises(ValueError, match="probabilities"):
        metrics.auc([0, 1, 1], binary([0.1, 0.2]))
