"""What a search does is decided by its cells and seeds, in whatever order things end; played through without Ray."""

import importlib.util
import random
from pathlib import Path

import pytest

from study.search import CellStudy, Past, Pruning
from study.search.dealer import Dealer
from study.search.worker import records, status_of

spec = importlib.util.spec_from_file_location("quick_search", Path(__file__).with_name("quick_search.py"))
quick = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quick)

CELLS = {"a": 6, "b": 6, "c": 6}


class Cut(Exception):
    pass


def play(cells, *, chance, history=(), cut=None, slots=2, faults=None, watch=lambda dealer, trial: None, pruning=None):
    """Run a search with simulated workers that advance in a random order; the rows it commits."""
    faults = faults or {}
    rows = list(history)

    def commit(done):
        if cut is not None and len(rows) == cut:
            raise Cut
        rows.append(quick.row_of(done))

    def past(cell):
        mine = sorted((row for row in history if row["cell"] == cell), key=lambda row: row["index"])
        return [Past(row["settings"], row["status"], row["score"], row["reports"]) for row in mine]

    studies = {
        cell: CellStudy(
            budget,
            quick.SPACE,
            past(cell),
            seed_of=lambda index, cell=cell: quick.seed_of(cell, index),
            pruning=pruning or Pruning(n_startup_trials=2),
            random_trials=3,
        )
        for cell, budget in cells.items()
    }
    dealer = Dealer(studies, slots=slots, commit=commit)
    order, running = random.Random(chance), []
    try:
        while dealer.left or running:
            if len(running) < slots and (trial := dealer.deal()) is not None:
                watch(dealer, trial)
                fault = faults.get((trial.cell, trial.index))
                job = {"settings": trial.settings, "seed": trial.seed, "fault": fault}
                running.append((trial, records(quick.run_job, job)))
            if running:
                trial, stream = pair = order.choice(running)
                if dealer.take(trial, next(stream)):
                    running.remove(pair)
    except Cut:
        pass
    return rows


def by_position(rows):
    return {(row["cell"], row["index"]): row for row in rows}


@pytest.fixture(scope="module")
def whole():
    return by_position(play(CELLS, chance=0))


def test_undisturbed_search_prunes_some_and_completes_some(whole):
    assert len(whole) == 18
    assert {row["status"] for row in whole.values()} == {"completed", "pruned"}
    assert all((row["score"] is None) == (row["status"] == "pruned") for row in whole.values())


@pytest.mark.parametrize("chance", range(1, 6))
def test_order_of_ending_changes_nothing(whole, chance):
    assert by_position(play(CELLS, chance=chance)) == whole


def test_order_and_number_of_cells_change_nothing(whole):
    assert by_position(play(dict(reversed(CELLS.items())), chance=3, slots=3)) == whole
    alone = play({"b": 6}, chance=4, slots=1)
    assert all(whole[row["cell"], row["index"]] == row for row in alone)


@pytest.mark.parametrize("cut", range(0, 18, 2))
def test_search_cut_off_anywhere_goes_on_as_if_it_had_not_been(whole, cut):
    first = play(CELLS, chance=cut, cut=cut)
    assert len(first) == cut
    assert by_position(play(CELLS, chance=cut + 1, history=first)) == whole


def test_larger_budget_keeps_the_earlier_trials(whole):
    small = play(dict.fromkeys(CELLS, 4), chance=1)
    assert all(whole[row["cell"], row["index"]] == row for row in small)
    assert by_position(play(CELLS, chance=2, history=small)) == whole


@pytest.mark.parametrize("cut", [0, 5, 8])
def test_cells_are_dealt_evenly_at_every_start(cut):
    cells = dict.fromkeys("abcde", 5)
    history = play(cells, chance=cut, cut=cut, slots=3)
    spreads = []

    def watch(dealer, trial):
        left = [study.started for study in dealer.studies.values() if study.started < study.budget]
        assert all(trial.index <= started for started in left)
        started = [study.started for study in dealer.studies.values()]
        ended = [len(study.past) for study in dealer.studies.values()]
        spreads.append((max(started) - min(started), max(ended) - min(ended)))

    play(cells, chance=cut + 1, history=history, slots=3, watch=watch)
    assert len(spreads) == 25 - cut
    assert all(started <= 1 and ended <= 2 for started, ended in spreads if not cut)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("nan", "failed_nan"),
        ("floating point", "failed_nan"),
        ("oom", "failed_oom"),
        ("error", "failed_error"),
        ("no result", "failed_error"),
    ],
)
def test_failure_spends_budget_and_leaves_other_cells_alone(whole, fault, status):
    rows = by_position(play(CELLS, chance=1, faults={("a", 1): fault}))
    assert rows["a", 1]["status"] == status
    assert rows["a", 1]["score"] is None and len(rows["a", 1]["reports"]) == 1
    assert rows["a", 0] == whole["a", 0]
    assert {place: row for place, row in rows.items() if place[0] != "a"} == {
        place: row for place, row in whole.items() if place[0] != "a"
    }
    assert sum(place[0] == "a" for place in rows) == 6


def test_search_with_failures_goes_on_from_its_history():
    faults = {("a", 1): "error", ("b", 2): "nan"}
    cut_off = play(CELLS, chance=1, faults=faults, cut=9)
    resumed = play(CELLS, chance=3, faults=faults, history=cut_off)
    assert by_position(resumed) == by_position(play(CELLS, chance=2, faults=faults))


def test_nothing_is_pruned_when_pruning_is_off():
    rows = play(CELLS, chance=1, pruning=Pruning(enabled=False))
    assert {row["status"] for row in rows} == {"completed"}


def test_curves_hold_null_where_there_is_no_number(whole):
    assert {value for row in whole.values() for *_, metric, value in row["curves"] if metric == "loss"} == {None}


def test_trial_that_runs_again_keeps_its_settings_and_forgets_its_reports():
    study = CellStudy(2, quick.SPACE, [], seed_of=lambda index: index, pruning=Pruning(), random_trials=3)
    done = []
    dealer = Dealer({"a": study}, slots=1, commit=done.append)
    trial = dealer.deal()
    job = {"settings": trial.settings, "seed": trial.seed}
    dealer.take(trial, next(records(quick.run_job, job)))
    dealer.restart(trial)
    assert [dealer.take(trial, record) for record in records(quick.run_job, job)] == [False] * 4 + [True]
    assert [epoch for epoch, _ in done[0].reports] == [1, 2, 3, 4, 5]
    assert len(done[0].curves) == 10


def test_impossible_space_is_refused():
    with pytest.raises(ValueError, match="low"):
        CellStudy(
            1, {"lr": {"low": 1.0, "high": 0.1}}, [], seed_of=lambda index: index, pruning=Pruning(), random_trials=3
        )


def test_worker_killed_for_memory_is_told_from_other_deaths():
    assert status_of("ActorDiedError: Task was killed due to the node running low on memory.") == "failed_oom"
    assert status_of("ActorDiedError: The actor died unexpectedly before finishing this task.") == "failed_error"
