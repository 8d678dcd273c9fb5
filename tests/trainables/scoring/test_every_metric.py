"""What every metric promises; a new row of the vocabulary is taken up by itself."""

import numpy as np
import pytest

from study.vocabulary import METRICS
from trainables.scoring import metrics

SETS = {
    "two classes": (np.arange(40) % 2, 2),
    "four classes": (np.arange(40) % 4, 4),
    "findings": (np.stack([np.arange(40) % 2, np.arange(40) % 3 == 0], 1).astype(int), 2),
}


def drawn(labels, classes, right):
    """Probabilities that are as good as ``right``: 1 is sure of the truth, 0.5 is chance, 0 is sure of another."""
    rng = np.random.default_rng(3)
    if labels.ndim == 2:
        return np.clip(np.where(labels == 1, right, 1 - right) + rng.uniform(-0.01, 0.01, labels.shape), 0.001, 0.999)
    p = np.eye(classes)[labels] * right + (1 - np.eye(classes)[labels]) * (1 - right) / (classes - 1)
    p = np.clip(p + rng.uniform(-0.01, 0.01, p.shape), 0.001, 0.999)
    return p / p.sum(1, keepdims=True)


@pytest.mark.parametrize("of", SETS)
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_it_lies_in_its_bounds_and_prefers_what_is_right(metric, of):
    labels, classes = SETS[of]
    good, bad = (metrics.get(metric.name)(labels, drawn(labels, classes, right)) for right in (0.98, 0.05))
    low, high = metric.bounds
    assert low <= min(good, bad) and max(good, bad) <= high
    assert (good < bad) == metric.smaller_is_better and good != bad


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_of_no_image_there_is_none(metric):
    assert metrics.get(metric.name)(np.zeros(0, int), np.zeros((0, 2))) is None
    assert metric.words
