"""The test-set variance of a score is that of new patients, by hand-computed and independent formulas."""

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from analysis.statistics.variance_components import NoComponents, components


def two_columns(p1):
    return np.column_stack([1 - np.asarray(p1), p1])


def test_auc_components_of_four_images_by_hand():
    """Positives .8 .4, negatives .6 .2: AUC 3/4; placements 1, 1/2 and 1/2, 1; DeLong variance = .125/2 + .125/2."""
    found = components("auc", [1, 1, 0, 0], two_columns([0.8, 0.4, 0.6, 0.2]), ["a", "b", "c", "d"])
    assert found.estimate == 0.75
    assert found.variance == pytest.approx(0.125)
    assert found.df == 1


def naive_obuchowski(y, s, patients):
    """The formulas of Obuchowski (1997) written out pair by pair."""
    x, z = s[y == 1], s[y == 0]
    psi = (x[:, None] > z[None, :]) + 0.5 * (x[:, None] == z[None, :])
    theta, m, n = psi.mean(), len(x), len(z)
    names = np.unique(patients)
    a = np.array([(psi.mean(1) - theta)[patients[y == 1] == k].sum() for k in names])
    b = np.array([(psi.mean(0) - theta)[patients[y == 0] == k].sum() for k in names])
    i10, i01 = len(set(patients[y == 1])), len(set(patients[y == 0]))
    return (
        i10 / (i10 - 1) * (a**2).sum() / m**2
        + i01 / (i01 - 1) * (b**2).sum() / n**2
        + 2 * len(names) / (len(names) - 1) * (a * b).sum() / (m * n)
    )


def clustered(rng, patients=60, images=4):
    who = np.repeat([f"p{k}" for k in range(patients)], images)
    effect = np.repeat(rng.normal(size=patients), images)
    y = (np.repeat(rng.normal(size=patients), images) + rng.normal(size=who.size) * 0.5 > 0).astype(int)
    p = 1 / (1 + np.exp(-(y + effect + rng.normal(size=who.size) * 0.3)))
    return y, np.round(p, 2), who


def test_clustered_auc_variance_is_obuchowskis_and_larger_than_delongs():
    y, p, who = clustered(np.random.default_rng(0))
    found = components("auc", y, two_columns(p), who)
    alone = components("auc", y, two_columns(p), np.arange(len(y)).astype(str))
    assert found.estimate == pytest.approx(roc_auc_score(y, p))
    assert found.variance == pytest.approx(naive_obuchowski(y, p, who), rel=0.01)
    assert alone.variance == pytest.approx(naive_obuchowski(y, p, np.arange(len(y))), rel=1e-9)
    assert found.variance > 1.5 * alone.variance


@pytest.mark.parametrize("metric", ["auc", "auprc", "balanced_accuracy", "brier", "log_loss"])
@pytest.mark.parametrize("classes", [2, 4])
def test_estimates_are_scikit_learns_and_variances_those_of_a_bootstrap_over_patients(metric, classes):
    rng = np.random.default_rng(classes)
    who = np.repeat(np.arange(80), 2)
    y = np.repeat(rng.integers(0, classes, 80), 2)
    patient = np.repeat(rng.normal(size=(80, classes)), 2, axis=0) * 0.7
    logits = rng.normal(size=(160, classes)) + np.eye(classes)[y] + patient
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    onehot = np.eye(classes)[y]
    expected = {
        "auc": roc_auc_score(y, p[:, 1]) if classes == 2 else roc_auc_score(y, p, multi_class="ovr"),
        "auprc": average_precision_score(y, p[:, 1]) if classes == 2 else average_precision_score(onehot, p),
        "balanced_accuracy": balanced_accuracy_score(y, p.argmax(1)),
        "brier": brier_score_loss(y, p[:, 1]) if classes == 2 else brier_score_loss(y, p),
        "log_loss": log_loss(y, p),
    }[metric]
    found = components(metric, y, p, who.astype(str))
    assert found.estimate == pytest.approx(expected)
    draws = []
    for _ in range(100):
        rows = (rng.integers(0, 80, 80)[:, None] * 2 + np.arange(2)).ravel()
        draws.append(components(metric, y[rows], p[rows], np.arange(160).astype(str)).estimate)
    assert np.sqrt(found.variance) == pytest.approx(np.std(draws), rel=0.25)


def test_a_jackknife_of_many_patients_is_done_by_groups():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 900)
    p = two_columns(1 / (1 + np.exp(-(y + rng.normal(size=900)))))
    found = components("auprc", y, p, np.arange(900).astype(str))
    assert len(found.values) == 200
    assert 0.005 < np.sqrt(found.variance) < 0.03


def test_a_class_with_one_patient_gives_no_variance_and_says_why():
    with pytest.raises(NoComponents, match="one patient only"):
        components("auc", [1, 1, 0, 0], two_columns([0.8, 0.4, 0.6, 0.2]), ["a", "a", "c", "d"])
    with pytest.raises(NoComponents, match="a patient moves kappa is not known"):
        components("kappa", [1, 0], two_columns([0.5, 0.5]), ["a", "b"])
