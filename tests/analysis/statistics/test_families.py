"""What holds for a whole family of comparisons, where it can be worked out."""

import numpy as np
import pytest
from scipy.stats import norm, t

from analysis.statistics.cell_means import CellMeans, Contrast
from analysis.statistics.families import family, p_value


def contrasts(values, df=1e9):
    return [Contrast(value, {"draws": (1.0, df)}) for value in values]


def draws_of(columns, draws=4000):
    """Cells whose draws are independent standard normals, one for each of `columns`; many, so that their estimated
    correlation is the true one."""
    return CellMeans(np.random.default_rng(1).normal(size=(draws, columns)))


def test_one_comparison_is_judged_by_itself():
    (found,) = [family(contrasts([2.0], df=5), draws_of(1), np.eye(1))]
    assert found.level == pytest.approx(0.95)
    assert found.p == pytest.approx([2 * t.sf(2, 5)])
    assert found.interval(0) == pytest.approx((2 - t.ppf(0.975, 5), 2 + t.ppf(0.975, 5)))


def test_without_a_joint_distribution_the_family_is_bonferronis():
    found = family(contrasts([1.0, 2.5, 3.0]), None, None)
    assert found.level == pytest.approx(1 - 0.05 / 3)
    assert found.p == pytest.approx([3 * 2 * norm.sf(1) if 6 * norm.sf(1) < 1 else 1, 6 * norm.sf(2.5), 6 * norm.sf(3)])


def test_independent_comparisons_are_sidaks():
    """Smallest of two independent p: 1 - (1 - p)^2; the level of each is .95 to the power 1/2."""
    found = family(contrasts([2.0, 1.0]), draws_of(2), np.eye(2))
    single = np.array([2 * norm.sf(2), 2 * norm.sf(1)])
    assert found.p == pytest.approx(1 - (1 - single) ** 2, abs=0.01)
    assert found.level == pytest.approx(0.95**0.5, abs=0.003)


def test_a_comparison_made_twice_costs_nothing():
    found = family(contrasts([2.0, 2.0]), draws_of(1), np.array([[1.0], [1.0]]))
    assert found.p == pytest.approx([2 * norm.sf(2)] * 2, abs=0.005)
    assert found.level == pytest.approx(0.95, abs=0.004)


def test_a_correlation_of_few_draws_is_not_trusted_wholly():
    """Drawn towards zero by 1 / D: a comparison made twice costs more where two draws say that it is one."""
    few = family(contrasts([2.0, 2.0]), draws_of(1, draws=2), np.array([[1.0], [1.0]]))
    many = family(contrasts([2.0, 2.0]), draws_of(1), np.array([[1.0], [1.0]]))
    assert many.level + 0.005 < few.level <= 0.975


def test_adjusted_p_are_never_below_the_single_nor_above_bonferronis():
    values = [0.1, 1.0, 2.0, 4.0, 8.0]
    found = family(contrasts(values, df=4), draws_of(5), np.eye(5))
    single = np.array([p_value(c) for c in contrasts(values, df=4)])
    assert (single <= found.p).all() and (found.p <= np.minimum(5 * single, 1) + 1e-12).all()


def test_what_does_not_vary_is_not_judged():
    assert p_value(Contrast(0.3, {"draws": (0.0, 2.0)})) == 1.0


def test_what_could_have_been_shown():
    """Standard error 1 on 5 df: t(.975) + t(.8)."""
    found = family(contrasts([0.0], df=5), None, None)
    assert found.detectable(0) == pytest.approx(t.ppf(0.975, 5) + t.ppf(0.8, 5))


def test_simultaneous_intervals_leave_out_zero_exactly_where_p_is_small():
    rng = np.random.default_rng(5)
    for values in rng.normal(0, 2.5, size=(40, 4)):
        found = family(contrasts(values, df=6), draws_of(4, draws=50), np.eye(4))
        for k in range(4):
            low, high = found.interval(k)
            if abs(found.p[k] - 0.05) > 0.002:
                assert (low > 0 or high < 0) == (found.p[k] < 0.05)


def test_no_comparison_varies_less_than_those_like_it_do_on_average():
    """Variances .01 and .10, the second counted twice: .01 and .05, .03 on average; another kind is left as it is."""
    alike = [("covid", 1.0), ("covid", 2.0), ("organs", 1.0)]
    found = family([Contrast(0.1, {"draws": (v, 4.0)}) for v in (0.01, 0.10, 0.002)], None, None, alike)
    assert [c.variance for c in found.contrasts] == pytest.approx([0.03, 0.10, 0.002])
    assert found.p[0] == pytest.approx(min(3 * 2 * t.sf(0.1 / 0.03**0.5, 4), 1))
