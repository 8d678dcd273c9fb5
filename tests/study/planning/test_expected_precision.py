"""What a plan promises of its intervals follows from draws and test patients, and few patients are warned of."""

import pytest

from study.planning.expected_precision import expected, hanley_mcneil, precision_lines
from study.planning.plan import make_plan

from .test_plan import study, task


def of(asked=None, **split):
    asked, own = asked or study(), task(**split)
    return expected(asked, make_plan(asked, {"lung": own}), own)


def test_the_variance_of_an_auc_by_hand():
    """AUC .8, 50 + 50: Q1 = 2/3, Q2 = .7111; (.16 + 49 x .02667 + 49 x .07111) / 2500."""
    assert hanley_mcneil(0.8, 50, 50) == pytest.approx((0.16 + 49 * (2 / 3 - 0.64) + 49 * (1.28 / 1.8 - 0.64)) / 2500)


def test_test_patients_are_counted_and_classes_taken_as_in_training():
    assert of(test=30)[0].patients == (15, 15)


def test_more_test_patients_and_more_draws_narrow_what_is_expected():
    few, many = (of(study(draws=8), test=test)[0] for test in (20, 400))
    assert few.half > 1.5 * many.half and few.apart > many.apart
    two = of(study(draws=2), test=400)[0]
    assert many.half < two.half / 2 and many.apart < two.apart / 2


def test_one_draw_has_no_interval():
    (only, *_) = of(study(draws=1))
    assert only.half is None and "one draw" in only.line


def test_a_difference_that_no_study_could_have_is_not_promised():
    assert of(test=6)[0].line.endswith("could show none")


def test_few_test_patients_of_a_class_are_warned_of():
    def lines(test):
        own = {"lung": task(test=test)}
        return precision_lines(study(), make_plan(study(), own), own)

    assert "lung has about 10 test patients of its rarest class" in lines(20)[-1]
    assert not any("warning" in line for line in lines(60))
