"""Contrasts of cell means, against a published analysis and by hand."""

import numpy as np
import pytest
from scipy.stats import t

from analysis.statistics.cell_means import CellMeans, Contrast, between_draws

READERS = np.array([[0.91965, 0.94783], [0.85878, 0.90531], [0.90386, 0.92174], [0.97311, 0.99936], [0.82979, 0.92995]])
"""Empirical AUCs of five readers under two modalities in the Van Dyke data, as the MRMCaov toolboxes publish them."""
ERROR, SAME_READER, OTHER_BOTH = 0.00078839, 0.00034167, 0.00023561
SAME_MODALITY = (0.00047718, 0.00020095)
"""Their covariances over cases: of one estimate, of two of one reader, of two with neither in common, and of two
readers under the first and the second modality."""


@pytest.fixture
def van_dyke() -> CellMeans:
    """Components with the published covariances: the rows of a square root of their matrix."""
    covariance = np.empty((5, 2, 5, 2))
    for a, b, c, d in np.ndindex(covariance.shape):
        one_reader, one_modality = a == c, b == d
        if one_reader and one_modality:
            covariance[a, b, c, d] = ERROR
        elif one_reader:
            covariance[a, b, c, d] = SAME_READER
        else:
            covariance[a, b, c, d] = SAME_MODALITY[b] if one_modality else OTHER_BOTH
    root = np.linalg.cholesky(covariance.reshape(10, 10))
    return CellMeans(READERS, root.reshape(5, 2, 10).transpose(0, 2, 1))


def test_a_difference_is_that_of_the_published_analysis(van_dyke):
    found = van_dyke.contrast([1, -1])
    assert found.value == pytest.approx(-0.0438, abs=5e-5)
    assert found.error == pytest.approx(0.020672, abs=5e-6)
    assert found.df == pytest.approx(15.034, abs=0.01)
    assert found.interval(0.95) == pytest.approx((-0.087852, 0.0002513), abs=2e-5)
    assert 2 * t.sf(abs(found.value) / found.error, found.df) == pytest.approx(0.051162, abs=5e-5)


@pytest.mark.parametrize(
    ("weights", "error", "df", "interval"),
    [([1, 0], 0.033071, 12.588, (0.82535, 0.96872)), ([0, 1], 0.021491, 12.534, (0.89423, 0.98744))],
)
def test_a_mean_is_that_of_the_published_analysis(van_dyke, weights, error, df, interval):
    found = van_dyke.contrast(weights)
    assert found.error == pytest.approx(error, abs=5e-6)
    assert found.df == pytest.approx(df, abs=0.01)
    assert found.interval(0.95) == pytest.approx(interval, abs=2e-5)


def test_draws_and_patients_by_hand():
    """Scores .6 .7 .8: s2/D = .01/3 on 2 df. Components' sums (.09, -.12): (.0225 - .0095) / 6 on 9 df."""
    components = np.array([[0.06, -0.05], [0.0, -0.03], [0.03, -0.04]])[:, :, None]
    found = CellMeans(np.array([[0.6], [0.7], [0.8]]), components, 9).contrast([1])
    assert found.parts == {
        "draws": (pytest.approx(0.01 / 3), 2),
        "patients": (pytest.approx(0.0130 / 6), 9),
    }
    assert found.df == pytest.approx((0.01 / 3 + 0.013 / 6) ** 2 / ((0.01 / 3) ** 2 / 2 + (0.013 / 6) ** 2 / 9))


def test_pre_training_runs_count_where_their_initialisation_is_asked_for():
    """Encoders .68 .70 .72 of the second cell: s2/E = .0004 / 3 on 2 df."""
    runs = np.array([[0.0, 0.68], [0.0, 0.70], [0.0, 0.72]])
    means = CellMeans(np.array([[0.6, 0.65], [0.7, 0.75]]), encoders=[runs])
    assert "encoders 0" not in means.contrast([1, 0]).parts
    assert means.contrast([1, -1]).parts["encoders 0"] == (pytest.approx(0.0004 / 3), 2)


def test_what_all_draws_share_cancels_in_a_difference():
    shared = np.random.default_rng(0).normal(size=(6, 1))
    found = CellMeans(shared + np.array([0.1, 0.3])).contrast([-1, 1])
    assert found.value == pytest.approx(0.2) and found.variance == pytest.approx(0, abs=1e-30)


def test_a_negative_covariance_between_draws_adds_nothing():
    opposed = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert between_draws(opposed) == pytest.approx(-2)
    means = CellMeans(np.array([[0.6], [0.7]]), opposed[:, :, None], 5)
    assert means.contrast([1]).parts["patients"] == (0.0, 5)


def test_one_draw_has_no_variance():
    with pytest.raises(ValueError, match="one draw"):
        CellMeans(np.array([[0.6, 0.7]])).contrast([1, -1])


def test_degrees_of_freedom_of_a_variance_of_zero_are_the_fewest():
    assert Contrast(0.0, {"draws": (0.0, 2.0), "patients": (0.0, 9.0)}).df == 2
