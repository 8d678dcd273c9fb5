"""What several points have in common, and what may be said of it."""

import numpy as np
import pytest

from analysis.statistics.point import NEW_IMAGES, NothingShared, Point, joint
from analysis.statistics.variance_components import Components

WHO = ("p", "q", "r")
NONE_STORED = "no test predictions are stored"


def point(scores, encoder="spark", tests=None, share=0.1, **more):
    """Scores by (draw, encoder); the same components for every run unless others are given."""
    parts = tests or {run: Components(value, np.array([0.03, -0.02, -0.01]), WHO, 2) for run, value in scores.items()}
    return Point(scores, parts, encoder, share=share, **more)


def grid(draws, encoders, value=lambda d, e: 0.7 + 0.01 * d):
    return {(d, e): value(d, e) for d in draws for e in encoders}


def test_draws_that_all_have_are_shared_and_means_are_over_them_alone():
    first, second = point(grid((0, 1, 2), (0,))), point(grid((1, 2, 3), (0,)), "byol")
    found = joint([first, second])
    assert found.draws == [1, 2]
    assert found.means.means == pytest.approx([0.715, 0.715])


def test_a_draw_counts_where_all_were_given_the_same_subset_of_a_size():
    first = point(grid((0, 1, 2), (0,)), size=8, subsets={0: "a", 1: "b", 2: "c"})
    second = point(grid((0, 1, 2), (0,)), "byol", size=8, subsets={0: "a", 1: "B", 2: "c"})
    larger = point(grid((0, 1, 2), (0,)), "byol", size=16, subsets={0: "x", 1: "y", 2: "z"})
    assert joint([first, second]).draws == [0, 2]
    assert joint([first, larger]).draws == [0, 1, 2], "of another size every subset is another"
    with pytest.raises(NothingShared, match="no draw"):
        joint([first, point(grid((5, 6), (0,)), "byol")])


def test_as_many_runs_are_kept_as_make_a_full_grid():
    """Three draws of encoder 0, one of them of encoder 1 too: 3 x 1 runs are more than 1 x 2."""
    one_more = grid((0, 1, 2), (0,)) | {(0, 1): 0.9}
    found = joint([point(one_more)])
    assert found.draws == [0, 1, 2] and found.means.means == pytest.approx([0.71])
    assert found.target.endswith("this encoder")
    two_of_three = grid((0, 1), (0, 1)) | {(2, 0): 0.9}
    assert joint([point(two_of_three)]).draws == [0, 1], "2 x 2 runs are more than 3 x 1"


def test_a_side_keeps_the_encoders_that_it_has_at_every_one_of_its_points():
    small, large = point(grid((0, 1), (0, 1)), size=1), point(grid((0, 1), (1, 2)), size=2)
    found = joint([small, large])
    assert found.target.endswith("this encoder") and found.means.encoders == []


@pytest.mark.parametrize(
    ("points", "target"),
    [
        ([point(grid((0, 1), (0,)))], "new patients, this encoder"),
        ([point(grid((0, 1), (0, 1)))], "new patients, these 2 encoders"),
        ([point(grid((0, 1), (0, 1, 2)))], "new patients, new pre-training runs"),
        ([point(grid((0, 1), (0,)), "scratch")], "new patients, this random encoder"),
        ([point(grid((0, 1), (0,)), None)], "new patients"),
        ([point(grid((0, 1), (0,)), None, share=None)], "new patients, this training pool"),
        ([point(grid((0, 1), (0,)), None, share=0.8)], "new patients"),
        ([point(grid((0, 1), (0,)), None, share=0.81)], "new patients, this training pool"),
        ([point(grid((0, 1), (0,)), None, unit=NEW_IMAGES)], "new images"),
        ([point(grid((0, 1), (0,)), None, tests=NONE_STORED)], "this pool and test set"),
        (
            [point(grid((0, 1), (0,)), None, share=1.0, same_patients=True)],
            "new patients; draws hold the same patients: training noise only",
        ),
        (
            [point(grid((0, 1), (0,))), point(grid((0, 1), (0, 1, 2)), "byol")],
            "new patients, new pre-training runs of byol, this encoder of spark",
        ),
        ([point(grid((0, 1), (0,))), point(grid((0, 1), (0,)), None)], "new patients, this encoder"),
        (
            [point(grid((0, 1), (0,)), None), point(grid((0, 1), (0,)), None, share=1.0, same_patients=True)],
            "new patients, this training pool; at the full size draws hold the same patients: training noise only",
        ),
    ],
)
def test_the_words_of_a_target(points, target):
    assert joint(points).target == target


def test_why_the_test_set_counts_as_fixed_is_kept():
    others = {run: Components(0.7, np.array([0.1, -0.1]), ("p", "z"), 1) for run in grid((0, 1), (0,))}
    found = joint([point(grid((0, 1), (0,))), point(grid((0, 1), (0,)), "byol", others)])
    assert found.target.startswith("this pool and test set") and "different test patients" in found.reason
    still = {run: Components(1.0, np.zeros(3), WHO, 2) for run in grid((0, 1), (0,))}
    assert "perfectly separated" in joint([point(grid((0, 1), (0,), lambda d, e: 1.0), tests=still)]).reason
    assert joint([point(grid((0, 1), (0,)), tests=NONE_STORED)]).reason == NONE_STORED


def test_components_are_averaged_over_the_encoders_of_a_draw():
    tests = {
        (0, 0): Components(0.7, np.array([0.4, -0.4, 0.0]), WHO, 5), (0, 1): Components(0.7, np.zeros(3), WHO, 3),
        (1, 0): Components(0.7, np.array([0.2, 0.0, -0.2]), WHO, 5), (1, 1): Components(0.7, np.zeros(3), WHO, 5),
    }  # fmt: skip
    means = joint([point(grid((0, 1), (0, 1)), tests=tests)]).means
    assert means.patients[:, :, 0] == pytest.approx(np.array([[0.2, -0.2, 0.0], [0.1, 0.0, -0.1]]))
    assert means.patient_df == 3, "of the run that has the fewest"


def test_encoders_of_one_number_pair_and_of_others_do_not():
    """Levels 0, .1, .2 on either side: of differences of pairs s2 = 0; else .01 / 3 on each side, 2 df."""
    levels = grid((0, 1), (0, 1, 2), lambda d, e: 0.6 + 0.1 * e)
    moved = {(d, e + 3): value for (d, e), value in levels.items()}
    paired = joint([point(levels), point(levels, "byol")]).means.contrast([1, -1])
    apart = joint([point(levels), point(moved, "byol")]).means.contrast([1, -1])
    assert paired.parts["encoders 0"] == (pytest.approx(0), 2)
    assert apart.parts["encoders 0"] == apart.parts["encoders 1"] == (pytest.approx(0.01 / 3), 2)


def test_shares_of_a_pool_enter_only_where_a_new_pool_is_spoken_of():
    known, unknown = joint([point(grid((0, 1), (0,)))]), joint([point(grid((0, 1), (0,)), share=None)])
    assert known.means.shares == pytest.approx([0.1]) and unknown.means.shares is None
