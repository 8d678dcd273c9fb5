"""What a search does is decided by its cells and seeds, in whatever order things end; played through without Ray."""

import importlib.util
import math
import random
from pathlib import Path

import pytest
from ray.core.generated.common_pb2 import ActorDiedErrorContext
from ray.exceptions import ActorDiedError, NodeDiedError

from study.execution.worker import records, status_of
from study.execution.worker_failures import WorkerFailures
from study.search import CellStudy, Pruning, Search, scheduler
from study.search.scheduler import CellScheduler
from trainables.contracts import Failure

spec = importlib.util.spec_from_file_location("quick_search", Path(__file__).with_name("quick_search.py"))
quick = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quick)

CELLS = {"a": 6, "b": 6, "c": 6}


class Cut(Exception):
    pass


def play(
    cells,
    *,
    chance,
    history=(),
    cut=None,
    slots=2,
    faults=None,
    watch=lambda studies, trial: None,
    pruning=None,
    space=quick.SPACE,
    again=None,
    release=lambda settings: 0,
    audited=lambda cell, index: False,
    oom_alone=False,
    **how,
):
    """Run a search with simulated workers that advance in a random order; the rows it commits."""
    faults, again, history = faults or {}, again or {}, list(history)
    rows = list(history)

    def commit(done):
        if cut is not None and len(rows) == cut:
            raise Cut
        rows.append(quick.row_of(done))

    past = quick.past_of(history)
    studies = {
        cell: CellStudy(
            budget,
            space,
            past.get(cell, {}),
            seed_of=lambda index, cell=cell: quick.seed_of(cell, index),
            pruning=pruning or Pruning(n_startup_trials=2),
            search=Search(**{"random_trials": 3, **how}),
            again=again.get(cell),
            release=release,
        )
        for cell, budget in cells.items()
    }
    scheduler = CellScheduler(studies, slots=slots, commit=commit, audited=audited, oom_alone=oom_alone)
    order, running = random.Random(chance), []
    try:
        while scheduler.left or running:
            if len(running) < slots and (trial := scheduler.next_trial()) is not None:
                watch(studies, trial)
                fault = faults.get((trial.cell, trial.index))
                job = {"settings": trial.settings, "seed": trial.seed, "fault": fault}
                running.append((trial, records(quick.run_job, job)))
            if running:
                trial, stream = pair = order.choice(running)
                if scheduler.on_record(trial, next(stream)):
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

    def watch(studies, trial):
        left = [study.started for study in studies.values() if study.started < study.budget]
        assert all(trial.index <= started for started in left)
        started = [study.started for study in studies.values()]
        ended = [len(study.past) for study in studies.values()]
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


@pytest.mark.parametrize("how", [{}, {"sampler": "random"}, {"sampler": "cmaes", "generation": 3}], ids=str)
def test_cells_that_rest_between_their_trials_go_on_as_if_they_had_not(how, monkeypatch):
    if how.get("sampler") == "cmaes":
        pytest.importorskip("cmaes")
    kept = by_position(play(CELLS, chance=1, slots=4, **how))
    monkeypatch.setattr(scheduler, "CACHED_STUDIES", 1)
    assert by_position(play(CELLS, chance=1, slots=4, **how)) == kept


def test_nothing_is_pruned_when_pruning_is_off():
    rows = play(CELLS, chance=1, pruning=Pruning(enabled=False))
    assert {row["status"] for row in rows} == {"completed"}


def test_curves_hold_null_where_there_is_no_number(whole):
    assert {value for row in whole.values() for *_, metric, value in row["curves"] if metric == "loss"} == {None}


def test_trial_that_runs_again_keeps_its_settings_and_forgets_its_reports():
    study = CellStudy(2, quick.SPACE, {}, seed_of=lambda index: index, pruning=Pruning(), search=Search())
    done = []
    scheduler = CellScheduler({"a": study}, slots=1, commit=done.append)
    trial = scheduler.next_trial()
    job = {"settings": trial.settings, "seed": trial.seed}
    scheduler.on_record(trial, next(records(quick.run_job, job)))
    scheduler.again(trial)
    assert scheduler.left == 2 and scheduler.next_trial() is trial
    assert [scheduler.on_record(trial, record) for record in records(quick.run_job, job)] == [False] * 4 + [True]
    assert [epoch for epoch, _ in done[0].reports] == [1, 2, 3, 4, 5]
    assert len(done[0].curves) == 10


def test_impossible_space_is_refused():
    with pytest.raises(ValueError, match="low"):
        CellStudy(
            1, {"lr": {"low": 1.0, "high": 0.1}}, {}, seed_of=lambda index: index, pruning=Pruning(), search=Search()
        )


def test_worker_killed_for_memory_is_told_from_other_deaths():
    assert status_of("ActorDiedError: Task was killed due to the node running low on memory.") == "failed_oom"
    assert status_of("ActorDiedError: The actor died unexpectedly before finishing this task.") == "failed_error"


def test_node_that_goes_does_not_count_as_a_crash():
    lost = ActorDiedError(ActorDiedErrorContext(actor_id=b"0" * 16, error_message="because its node has died."))
    crash = ActorDiedError(ActorDiedErrorContext(actor_id=b"0" * 16, error_message="worker exit type: SYSTEM_ERROR"))
    failures = WorkerFailures()
    assert failures.may_retry(crash) and failures.may_retry(lost) and failures.may_retry(NodeDiedError("gone"))
    assert not failures.may_retry(crash)
    poison = WorkerFailures()
    assert [poison.may_retry(lost) for _ in range(11)] == [True] * 10 + [False]


CONDITIONAL = {
    "release": {"choices": [0, 2]},
    "decay": {"low": 0.1, "high": 1.0, "when": {"release": [2]}},
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "mode": {"choices": ["a", "b"]},
}


@pytest.mark.parametrize("how", [{"sampler": "random"}, {"sampler": "gp"}, {"generation": 3}], ids=str)
def test_search_by_any_sampler_and_in_generations_takes_one_path(how):
    cells = {"a": 7, "b": 6}
    undisturbed = play(cells, chance=0, slots=4, **how)
    first = play(cells, chance=5, slots=3, cut=9, **how)
    assert by_position(play(cells, chance=7, slots=4, history=first, **how)) == by_position(undisturbed)


def test_cma_es_takes_one_path_and_learns():
    how = {"sampler": "cmaes", "space": {"lr": CONDITIONAL["lr"], "mode": {"choices": ["a"]}}, "random_trials": 2}
    whole = by_position(play({"a": 30}, chance=0, pruning=Pruning(enabled=False), **how))
    first = play({"a": 30}, chance=0, pruning=Pruning(enabled=False), cut=17, **how)
    assert by_position(play({"a": 30}, chance=1, history=first, pruning=Pruning(enabled=False), **how)) == whole
    far = [abs(math.log10(whole["a", index]["settings"]["lr"]) + 2.5) for index in range(30)]
    assert sum(far[20:]) < sum(far[2:12])


def test_trials_of_a_generation_run_side_by_side_and_cells_stay_even():
    rows, open_at_once = [], []

    def watch(studies, trial):
        started = [study.started for study in studies.values()]
        assert max(started) - min(started) <= 1
        open_at_once.append(trial.study.started - len(trial.study.past))

    rows = play({"a": 8, "b": 8}, chance=2, slots=8, generation=4, watch=watch)
    assert len(rows) == 16 and max(open_at_once) == 4


def test_proposals_of_one_generation_differ_and_do_not_see_how_its_others_end():
    whole = by_position(play({"a": 8}, chance=0, slots=4, generation=4))
    assert len({row["settings"]["lr"] for row in whole.values()}) == 8
    failing = by_position(play({"a": 8}, chance=0, slots=4, generation=4, faults={("a", 4): "error"}))
    assert all(whole["a", index]["settings"] == failing["a", index]["settings"] for index in range(8))


def test_dimension_exists_only_beside_the_values_that_it_names():
    rows = play({"a": 12}, chance=0, space=CONDITIONAL)
    assert {row["settings"]["release"] for row in rows} == {0, 2}
    assert all(("decay" in row["settings"]) == (row["settings"]["release"] == 2) for row in rows)
    resumed = play({"a": 12}, chance=1, space=CONDITIONAL, history=play({"a": 12}, chance=3, cut=5, space=CONDITIONAL))
    assert by_position(resumed) == by_position(rows)


def test_epochs_before_the_release_prune_nothing():
    eager = Pruning(n_startup_trials=1, n_warmup_steps=0)
    rows = play({"a": 12}, chance=0, pruning=eager)
    assert {row["pruned_at"] for row in rows if row["status"] == "pruned"} >= {1}
    late = play({"a": 12}, chance=0, pruning=eager, release=lambda settings: 3)
    assert {row["pruned_at"] for row in late} == {None, 4}
    never = play({"a": 12}, chance=0, pruning=eager, release=lambda settings: 9)
    assert {row["status"] for row in never} == {"completed"}


def test_audited_trials_are_finished_and_the_search_does_not_see_it(whole):
    rows = by_position(play(CELLS, chance=1, audited=lambda cell, index: index % 2 == 1))
    finished = [place for place, row in rows.items() if row["audit_score"] is not None]
    assert finished and all(rows[place]["status"] == "pruned" and place[1] % 2 == 1 for place in finished)
    assert all(rows[place]["epochs"] == quick.EPOCHS for place in finished)
    seen = ("settings", "status", "score", "reports", "pruned_at", "seed")
    assert all(rows[place][name] == whole[place][name] for place in whole for name in seen)
    resumed = play(CELLS, chance=2, history=list(rows.values())[:9], audited=lambda cell, index: index % 2 == 1)
    assert by_position(resumed) == rows


def test_audit_that_fails_leaves_its_trial_pruned(whole):
    audited = {"audited": lambda cell, index: True}
    [place, *_] = [place for place, row in whole.items() if row["pruned_at"] == 1]
    row = by_position(play(CELLS, chance=1, faults={place: "error"}, **audited))[place]
    assert (row["status"], row["pruned_at"], row["audit_score"], row["epochs"]) == ("pruned", 1, None, 1)


def test_trial_run_again_keeps_its_settings_and_leaves_later_ones_as_they_were(whole):
    faults = {("a", 1): "error", ("a", 4): "nan"}
    rows = by_position(play(CELLS, chance=1, faults=faults))
    again = {"a": {index: rows["a", index]["settings"] for index in (1, 4)}}
    kept = [row for place, row in rows.items() if place not in faults]
    retried = by_position(play(CELLS, chance=2, history=kept, again=again))
    assert retried["a", 1] == whole["a", 1]
    assert {retried[place]["settings"]["lr"] for place in faults} == {rows[place]["settings"]["lr"] for place in faults}
    assert {retried[place]["status"] for place in faults} <= {"completed", "pruned"}
    assert all(retried[place] == row for place, row in rows.items() if place not in faults)


def test_rows_lost_from_the_middle_are_proposed_as_they_were(whole):
    kept = [row for place, row in whole.items() if place not in {("a", 2), ("a", 3), ("b", 0)}]
    assert by_position(play(CELLS, chance=3, history=kept)) == whole


def test_trial_out_of_a_devices_memory_is_dealt_once_more_with_nothing_beside_it(whole):
    beside = []

    def watch(studies, trial):
        beside.append((trial.alone, sum(study.started - len(study.past) for study in studies.values())))

    rows = play(CELLS, chance=1, slots=3, faults={("a", 1): "oom"}, watch=watch, oom_alone=True)
    assert [running for alone, running in beside if alone] == [1]
    assert by_position(rows)["a", 1]["status"] == "failed_oom" and len(rows) == 18


@pytest.mark.parametrize(("fault", "error"), [("exit", "SystemExit: 3"), ("error", "RuntimeError: two lines")])
def test_job_that_raises_anything_ends_as_a_record(fault, error):
    job = {"settings": {"lr": 0.1, "mode": "a"}, "seed": 1, "fault": fault}
    assert [*records(quick.run_job, job)][-1] == Failure("failed_error", error)


def test_job_that_eats_memory_fails_at_the_cap_and_the_process_goes_on():
    job = {"settings": {"lr": 0.1, "mode": "a"}, "seed": 1, "fault": "eats memory"}
    assert [*records(quick.run_job, job, memory=held() + 0.25)][-1].status == "failed_oom"
    assert [*records(quick.run_job, {**job, "fault": None})][-1].result
    assert len(bytearray(2**29)) == 2**29


def held() -> float:
    """GiB of private memory of this process, as the kernel counts them against a cap."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmData"].split()[0]) / 2**20
