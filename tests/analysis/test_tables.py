"""Only like is compared with like, and what is left out is counted."""

from analysis.tables import compared, missing, openings


def final(make, budget, init="scratch", draw=0, index=0, **more):
    return make.run(
        make.cell(init, draw=draw), "final", index, **{"search_budget": budget, "selection": "search"} | more
    )


def test_the_largest_budget_that_every_cell_has_completed_is_kept(make):
    rows = [final(make, 4), final(make, 8), final(make, 4, "spark"), final(make, 8, "spark", status="failed_nan")]
    found = compared(make.study(finals=rows).finals)
    assert found.finals["search_budget"].to_list() == [4, 4]
    assert (found.superseded, found.uneven) == (1, [])
    rows[-1]["status"] = "completed"
    found = compared(make.study(finals=rows).finals)
    assert found.finals["search_budget"].to_list() == [8, 8]
    assert found.superseded == 2


def test_unequal_budgets_are_named_not_hidden(make):
    found = compared(make.study(finals=[final(make, 4), final(make, 8, "spark")]).finals)
    assert len(found.finals) == 2
    assert found.uneven == [("linear", "covid")]


def test_a_cell_of_defaults_stays_until_it_was_searched(make):
    default = final(make, 0, draw=1, selection="defaults")
    rows = [final(make, 8), default, final(make, 0, selection="defaults")]
    found = compared(make.study(finals=rows).finals)
    assert set(found.finals["key"]) == {rows[0]["key"], default["key"]}
    assert found.superseded == 1


def test_each_opening_of_a_test_set_is_counted_superseded_runs_included(make):
    rows = [final(make, 4), final(make, 8)]
    scores = [{"key": r["key"], "test_set": "test", "metric": m} for r in rows for m in ("auc", "brier")]
    study = make.study(finals=rows, scores=scores)
    assert openings(study.finals, study.scores).rows() == [("covid", "test", 2)]


def test_planned_cells_without_a_completed_final_run_are_missing(make):
    study = make.study(finals=[final(make, 4), final(make, 4, draw=1, status="failed_oom")])
    planned = [make.cell(draw=0), make.cell(draw=1), make.cell(draw=2)]
    assert [c["draw"] for c in missing(study.finals, planned)] == [1, 2]
    bare = {k: v for k, v in make.cell(draw=0).items() if v is not None}
    assert missing(study.finals, [bare]) == [], "factors left out are defaults"
