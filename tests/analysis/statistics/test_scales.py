"""Scores on the scale on which their bounds lie at infinity."""

import numpy as np
import pytest
from scipy.special import logit

from analysis.statistics.scales import Scale

SCORES = np.array([0.2, 0.5, 0.9])


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, np.inf), None, (-1.0, 1.0)])
@pytest.mark.parametrize("rarest", [10, np.inf])
def test_there_and_back(bounds, rarest):
    scale = Scale.of(bounds, rarest)
    assert scale.back(scale.to(SCORES)) == pytest.approx(SCORES)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, np.inf), None])
def test_the_slope_is_the_change_of_the_scale_with_a_score(bounds):
    scale = Scale.of(bounds, 10)
    before, at, after = scale.to(np.array([0.7 - 1e-5, 0.7, 0.7 + 1e-5]))
    assert scale.slope(float(at)) == pytest.approx((after - before) / 2e-5, rel=1e-6)


def test_a_proportion_at_its_bound_has_a_place_where_the_patients_are_known():
    """Ten patients: 1 is 10.5 of 11."""
    assert Scale.of((0.0, 1.0), 10).to(np.array([1.0])) == pytest.approx(logit(10.5 / 11))
    assert np.isinf(Scale.of((0.0, 1.0), np.inf).to(np.array([1.0])))
    assert np.isinf(Scale.of((0.0, np.inf), 10).to(np.array([0.0])))


def test_a_place_beyond_the_bound_is_the_bound():
    assert Scale.of((0.0, 1.0), 10).back(np.array([-50.0, 50.0])) == pytest.approx([0, 1])
