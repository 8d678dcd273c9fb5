"""A study whose driver, workers and rivals are ended in every way is the undisturbed one; the long form is
`python -m tests.kills`."""

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from study.ledger import frame
from tests.kills import studies
from tests.kills.driver_processes import Life, Place
from tests.kills.other_failures import SURROUNDINGS_FAILED, kill, next_run
from tests.kills.undisturbed_study import died, finished, undisturbed
from tests.kills.verdict import at_end, unfair


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The undisturbed study, run beside the test since a start mostly waits."""
    folder = tmp_path_factory.mktemp("kills")
    study = studies.write(folder / "study")
    with ThreadPoolExecutor(1) as aside:
        yield Place(study, folder / "killed"), aside.submit(undisturbed, study, folder, None)


@pytest.mark.timeout(600)
def test_killed_between_curves_and_row_stopped_and_killed_again_a_study_equals_the_undisturbed_one(runs):
    place, aside = runs
    first = Life(place, "between-dependents-and-row:4")
    first.end()
    whole = aside.result()
    assert died(first, whole) == []

    second = Life(replace(place, gated=True))  # nothing of it ends before the gate is opened
    run = next_run(second, ())
    assert kill(run), "the worker of a trial"
    rival = Life(place)
    assert rival.end() == SURROUNDINGS_FAILED and f"process {second.process.pid} on" in place.log
    assert second.reached(lambda _: [again.seed for again in second.began].count(run.seed) == 2), "on another worker"
    place.gate.open("trial", 8)  # of many more, so that it cannot end
    second.reached(lambda lines: lines.count("passed trial-committed") > 3)
    second.send(signal.SIGTERM)
    assert died(second, whole, 128 + signal.SIGTERM) == []

    third = Life(place, "scores-renamed:2")
    assert died(third, whole) == [], "between the scores of a final run and its row"
    assert finished(Life(place), whole) == []
    assert {"completed", "pruned", "failed_error", "failed_nan"} <= set(frame(place.root, "trials")["status"])


@pytest.mark.timeout(600)
def test_a_study_that_is_not_the_undisturbed_one_is_told_apart(runs, tmp_path):
    whole = runs[1].result().place
    place = replace(whole, folder=tmp_path / "other")
    shutil.copytree(whole.folder, place.folder)
    assert at_end(place, whole) == []
    path = place.root / "trials" / "000000.parquet"
    rows = pq.read_table(path)
    epochs = rows.column_names.index("epochs")
    changed = pa.array([3] + rows["epochs"].to_pylist()[1:], pa.int32())
    other = rows.set_column(epochs, rows.schema.field(epochs), changed)
    pq.write_table(other, path, write_page_checksum=True)
    assert at_end(place, whole) == ["trials are not those of the undisturbed study"]
    group, cell = next(line.split()[1:3] for line in whole.diary if line.startswith("dealt"))
    with (place.folder / "diary").open("a") as diary:
        diary.write(f"dealt {group} {cell} 6\n")
    assert unfair(place, whole) == [], "one more than the others"
    with (place.folder / "diary").open("a") as diary:
        diary.write(f"dealt {group} {cell} 7\n")
    assert len(unfair(place, whole)) == 1
