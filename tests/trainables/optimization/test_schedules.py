"""Schedules at their corners."""

import pytest

from trainables.optimization import schedules


def test_cosine_runs_from_first_to_last():
    assert schedules.cosine(0, 0.04, 0.2) == pytest.approx(0.04)
    assert schedules.cosine(0.5, 0.04, 0.2) == pytest.approx(0.12)
    assert schedules.cosine(1, 0.04, 0.2) == pytest.approx(0.2)


def test_warmup_is_straight_and_then_falls():
    rate = [schedules.warmup_cosine(p, peak=1.0, warmup=0.2, first=0.1, last=0.01) for p in (0, 0.1, 0.2, 0.6, 1)]
    assert rate == pytest.approx([0.1, 0.55, 1.0, 0.505, 0.01])


def test_no_warmup_begins_at_the_peak():
    assert schedules.warmup_cosine(0, peak=0.3, warmup=0) == pytest.approx(0.3)
    assert schedules.warmup_cosine(1, peak=0.3, warmup=0) == pytest.approx(0)
