"""The probes' classifiers are the textbook's, and say nothing where there is nothing."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from trainables.pretraining import closed_form
from trainables.scoring import metrics


def sample(count, size, classes=3, gap=1.0):
    generator = torch.Generator().manual_seed(count + size)
    labels = torch.arange(count) % classes
    centres = torch.randn(classes, size, generator=torch.Generator().manual_seed(1)) * gap
    return torch.randn(count, size, generator=generator) + centres[labels], labels


@pytest.mark.parametrize(("count", "size"), [(60, 10), (20, 50), (30, 30)])
def test_ridge_is_that_of_scikit_learn_on_either_side_of_square(count, size):
    (features, labels), (test, _) = sample(count, size), sample(count + 1, size)
    features, test = closed_form.standardised(features, test)
    hot = np.eye(3)[labels]
    penalty = float(features.square().sum() / min(count, size))
    theirs = Ridge(alpha=penalty).fit(features, hot).predict(test) - hot.mean(0)
    assert np.allclose(closed_form.ridge(features, labels, test, 3), theirs, atol=1e-10)


def test_neighbours_vote_by_likeness():
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    labels, test = torch.tensor([0, 1, 1, 0]), torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    cosines = np.array([1, 0.9 / np.hypot(0.9, 0.1), 0, -1])
    weights = np.exp(cosines / 0.07)
    shares = [weights[[0, 3]].sum() / weights.sum(), weights[[1, 2]].sum() / weights.sum()]
    assert np.allclose(closed_form.nearest(features, labels, test, 2), [shares])


def test_only_the_twenty_nearest_vote():
    features = torch.cat([torch.ones(20, 2), torch.tensor([[1.0, 0.9]]).expand(50, 2)]).double()
    labels = torch.tensor([0] * 20 + [1] * 50)
    assert closed_form.nearest(features, labels, torch.ones(1, 2).double(), 2)[0].tolist() == pytest.approx([1, 0])


@pytest.mark.parametrize("classifier", [closed_form.nearest, closed_form.ridge])
def test_classes_that_lie_apart_are_told_apart_and_equal_features_are_chance(classifier):
    (features, labels), (test, answers) = sample(90, 20), sample(91, 20)
    scores = classifier(*_standard(features, labels, test), 3)
    assert metrics.auc(answers.numpy(), scores.numpy()) > 0.95
    flat = classifier(*_standard(torch.full((90, 20), 0.1), labels, torch.full((91, 20), 0.1)), 3)
    assert torch.isfinite(flat).all() and metrics.auc(answers.numpy(), flat.numpy()) == 0.5


def _standard(features, labels, test):
    features, test = closed_form.standardised(features, test)
    return features, labels, test
