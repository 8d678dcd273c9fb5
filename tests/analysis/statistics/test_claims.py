"""A claim is supported where its interval lies where it is claimed, refuted where it lies beyond, else left open."""

import dataclasses

import pytest

from analysis.statistics.claims import Claim, examine

from .placed import curve

ABOVE = {20: 0.75, 40: 0.80, 80: 0.85}
BELOW = {20: 0.60, 40: 0.70, 80: 0.80}


def verdict_of(form, first=ABOVE, second=BELOW, *, noise=0.004, error=0.004, **claim):
    points = [*curve("spark", first, noise=noise, error=error), *curve("scratch", second, noise=noise, error=error)]
    return examine(points, Claim(form, "spark", "scratch", **claim))


def said(form, *worlds, **claim):
    return verdict_of(form, *worlds, **claim).verdict


def test_better_by_more_than_a_margin():
    assert said("difference", labels=20) == "supported"
    assert said("difference", labels=20, margin=0.14) == "undecided"
    assert said("difference", labels=20, margin=0.2) == "refuted"
    assert said("difference", BELOW, ABOVE, labels=20) == "refuted"


def test_where_no_number_of_labels_is_named_it_is_about_the_mean_over_the_curve():
    """.15, .10 and .05 apart at equal steps of the logarithm: mean .10."""
    (finding,) = verdict_of("difference").findings
    assert finding.bounds[0].contrast.value == pytest.approx(0.10)
    assert finding.bounds[0].about == "mean over the curve"


def test_not_worse_and_equivalent_need_the_interval_inside_the_margin():
    assert said("non_inferior", BELOW, BELOW, margin=0.02) == "supported"
    assert said("non_inferior", ABOVE, BELOW, margin=0.02) == "supported"
    assert said("non_inferior", BELOW, ABOVE, margin=0.02) == "refuted"
    assert said("equivalent", BELOW, BELOW, margin=0.02) == "supported"
    assert said("equivalent", ABOVE, BELOW, margin=0.02) == "refuted"
    assert said("equivalent", BELOW, BELOW, margin=0.02, noise=0.02) == "undecided"


def test_labels_are_saved_where_fewer_reach_the_level_of_more():
    assert said("saves_labels", labels=0.5) == "undecided", ".80 against .80"
    assert said("saves_labels", labels=0.8) == "supported", ".83 against .80"
    assert said("saves_labels", labels=20, against_labels=40) == "supported"
    assert said("saves_labels", labels=20) == "refuted"
    assert said("saves_labels", {20: 0.52, 40: 0.55}, {20: 0.5, 40: 0.5}, labels=20) == "undecided"
    chance = verdict_of("saves_labels", {20: 0.52, 40: 0.55}, {20: 0.5, 40: 0.5}, labels=20).findings[0]
    assert "may be chance" in chance.reason


def test_the_more_robust_one_loses_less_by_either_scale():
    assert said("more_robust") == "supported"
    assert said("more_robust", BELOW, ABOVE) == "refuted"
    near_one = verdict_of("more_robust", {20: 0.97, 80: 0.99}, {20: 0.90, 80: 0.94}, noise=0.001, error=0.001)
    raw, logits = near_one.findings[0].bounds
    assert raw.contrast.value == pytest.approx(0.02) and logits.contrast.value < 0
    assert near_one.verdict == "refuted"


def test_a_crossing_takes_both_ends():
    falls = {20: 0.70, 40: 0.702, 80: 0.74}
    assert said("crosses_below", falls, BELOW, labels=80) == "supported"
    assert said("crosses_below", falls, BELOW, labels=40) == "undecided"
    assert said("crosses_below", ABOVE, BELOW, labels=80) == "refuted"


def test_a_smaller_loss_is_the_better_one():
    worlds = [curve(name, heights, metric="log_loss", noise=0.004, error=0.004)
              for name, heights in (("spark", BELOW), ("scratch", ABOVE))]  # fmt: skip
    points = [p for world in worlds for p in world]
    claim = Claim("difference", "spark", "scratch", metric="log_loss", labels=20)
    (finding,) = examine(points, claim).findings
    assert finding.verdict == "supported" and finding.bounds[0].contrast.value == pytest.approx(0.15)


def test_all_tasks_must_support_and_one_refutes():
    same = [*curve("spark", ABOVE, error=0.004, noise=0.004), *curve("scratch", BELOW, error=0.004, noise=0.004)]
    other = [dataclasses.replace(p, factors={**p.factors, "task": "organs"}) for p in same]
    claim = Claim("difference", "spark", "scratch")
    assert examine([*same, *other], claim).verdict == "supported"
    worse = [*curve("spark", BELOW, error=0.004, noise=0.004, task="organs"),
             *curve("scratch", ABOVE, error=0.004, noise=0.004, task="organs")]  # fmt: skip
    assert examine([*same, *worse], claim).verdict == "refuted"
    assert examine([*same, *worse], dataclasses.replace(claim, task="covid")).verdict == "supported"


def test_patients_are_scored_first_and_images_where_they_are_asked_for():
    points = [p for unit in ("patient", "image") for name, heights in (("spark", ABOVE), ("scratch", BELOW))
              for p in curve(name, heights, noise=0.004, error=0.004, unit=unit)]  # fmt: skip
    (found,) = examine(points, Claim("difference", "spark", "scratch")).findings
    assert found.placed.unit == "patient"
    (found,) = examine(points, Claim("difference", "spark", "scratch", unit="image")).findings
    assert found.placed.unit == "image"


def test_a_test_set_that_counts_as_fixed_supports_nothing():
    points = [*curve("spark", ABOVE, noise=0.004, tests="no test predictions are stored"),
              *curve("scratch", BELOW, noise=0.004, tests="no test predictions are stored")]  # fmt: skip
    found = examine(points, Claim("difference", "spark", "scratch"))
    assert found.verdict == "undecided" and "no test predictions" in found.findings[0].reason


def test_labels_outside_what_was_tried_and_a_single_draw_are_left_open_with_the_reason():
    assert "outside what was tried (20 to 80)" in verdict_of("difference", labels=100).findings[0].reason
    one = [*curve("spark", ABOVE, draws=1), *curve("scratch", BELOW, draws=1)]
    found = examine(one, Claim("difference", "spark", "scratch"))
    assert found.verdict == "undecided" and "one draw" in found.findings[0].reason


def test_a_single_size_is_examined_as_it_stands():
    assert said("difference", {40: 0.8}, {40: 0.7}) == "supported"
    assert said("more_robust", {40: 0.8}, {40: 0.7}) == "undecided"


def test_nobody_has_runs_of_both():
    found = examine(curve("spark", ABOVE), Claim("difference", "spark", "scratch"))
    assert (found.verdict, found.findings) == ("undecided", [])


def test_what_would_decide_is_said_and_would_have_decided():
    """Differences of draws of standard error s; the same difference from as many draws as are named is decided."""

    def world(draws):
        return [*curve("spark", {20: 0.75, 40: 0.75}, noise=0.025, error=0.002, draws=draws),
                *curve("scratch", {20: 0.72, 40: 0.72}, error=0.002, draws=draws)]  # fmt: skip

    claim = Claim("difference", "spark", "scratch")
    (finding,) = examine(world(5), claim).findings
    assert finding.verdict == "undecided" and "draws instead of 5" in finding.decides
    draws = int(finding.decides.split(" draws")[0].split()[-1])
    assert examine(world(draws), claim).verdict == "supported"
    assert examine(world(draws - 2), claim).verdict == "undecided"


def test_a_claim_of_todays_file_is_one_of_non_inferiority():
    claim = Claim.of(
        {"initialisation": "a", "not_worse_than": "b", "margin": 0.02, "metric": "auc", "adaptation": None}
    )
    assert claim == Claim("non_inferior", "a", "b", 0.02)
