"""The report names what pruning cost and which optima lie at a bound, from the ledger alone."""

import json

import pytest

from analysis.statistics import search_audit

SPACE = {"lr": {"low": 1e-4, "high": 1e-2, "log": True}, "batch": {"choices": [8, 16]}}
HEAD = {"low": 1.0, "high": 10.0, "when": {"batch": [16]}}


def row(make, index, status, score=None, audit=None, draw=0):
    more = {"score": score, "audit_score": audit, "pruned_at": 3 if status == "pruned" else None}
    return make.run(make.cell(draw=draw), "trial", index, status=status, **more)


def final(make, draw, **settings):
    more = {"search_budget": 4, "selected_trial": 0, "selection": "search"}
    return make.run(make.cell(draw=draw), "final", 0, settings=json.dumps(settings), **more)


def test_audited_trials_that_would_have_been_chosen_are_counted_with_their_gain(make):
    cell = [
        row(make, 0, "completed", 0.8),
        row(make, 1, "completed", 0.7),
        row(make, 2, "pruned"),
        row(make, 3, "pruned", audit=0.84),
    ]
    other = [row(make, 0, "completed", 0.9, draw=1), row(make, 1, "pruned", audit=0.85, draw=1)]
    [line] = search_audit.pruning(make.study(trials=cell + other).trials)
    assert line.startswith("3 of 6 trials were pruned, 2 of these finished for the audit: 1 of them (50%)")
    assert "higher by 0.040 on average and 0.040 at most" in line


def test_pruning_without_regret_or_without_an_audit_is_said_so(make):
    trials = [row(make, 0, "completed", 0.8), row(make, 1, "pruned", audit=0.7)]
    assert search_audit.pruning(make.study(trials=trials).trials)[0].endswith("none of them would have been chosen.")
    unaudited = [row(make, 0, "completed", 0.8), row(make, 1, "pruned")]
    assert search_audit.pruning(make.study(trials=unaudited).trials) == [
        "1 of 2 trials were pruned, 0 of these finished for the audit."
    ]
    assert search_audit.pruning(make.study(trials=[row(make, 0, "completed", 0.8)]).trials) == []


def test_optima_at_a_bound_are_counted_on_the_scale_that_was_searched(make):
    finals = [
        final(make, 0, lr=1e-2, batch=8),
        final(make, 1, lr=9e-3, batch=8),
        final(make, 2, lr=1e-3, batch=8),
        final(make, 3, lr=1e-4),
    ]
    found = search_audit.at_bounds(make.study(finals=finals).finals, {"linear": SPACE})
    assert found.rows() == [("linear", "lr", "upper", 4, 0.5), ("linear", "lr", "lower", 4, 0.25)]
    [line] = search_audit.bounds(make.study(finals=finals).finals, {"linear": SPACE}, least=0.3)
    assert "in 50% of 4 cells the chosen lr lies at the upper bound" in line


def test_dimension_with_a_condition_counts_only_the_cells_that_have_it(make):
    finals = [
        final(make, 0, batch=16, head_lr=1.0),
        final(make, 1, batch=8, head_lr=1.0),
        final(make, 2, batch=16, head_lr=5.0),
    ]
    found = search_audit.at_bounds(
        make.study(finals=finals).finals, {"linear": {"batch": SPACE["batch"], "head_lr": HEAD}}
    )
    assert found.rows() == [("linear", "head_lr", "lower", 2, pytest.approx(0.5))]
