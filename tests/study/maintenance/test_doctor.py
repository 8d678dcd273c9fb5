"""The doctor names what is wrong with results, sets it aside, and what was lost counts as not done."""

import hashlib
import json

import pytest

from study.cli import main
from study.ledger import DEPENDENTS, TABLES, Ledger, LockHeld, frame, lock
from study.maintenance.doctor import examine, mend


def run(number: int, table: str) -> dict:
    row = {"key": f"{number:016x}", "fingerprint": "f", "status": "completed", "epochs": 2, "index": number}
    return row | ({"objective": "auc", "score": 0.5} if table == "trials" else {"search_budget": 4})


def commit(ledger: Ledger) -> None:
    """Run what the ledger lacks, as a driver does: each run's rows are a function of its number."""
    for number in range(4):
        key, table = f"{number:016x}", "trials" if number < 2 else "finals"
        if key in ledger:
            continue
        curves = [{"key": key, "epoch": e, "split": "val", "metric": "auc", "value": e / 10} for e in (1, 2)]
        scores = [{"key": key, "test_set": "test", "metric": "auc", "value": 0.5 + number / 10}]
        predictions = [{"key": key, "split": "test", "sample": f"s{i}", "labels": [1], "p": [0.5]} for i in range(3)]
        if table == "trials":
            ledger.commit(table, run(number, table), curves)
        else:
            ledger.commit(table, run(number, table), curves, predictions, scores)
    if "e" * 16 not in ledger:
        ledger.commit("pretraining", {"key": "e" * 16, "fingerprint": "f", "step": 8, "loss": 1.0})
    ledger.append("rejects", [{"digest": "d", "reason": "no CT", "source": "scans"}])


def made(root, path: str, content: bytes) -> None:
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_bytes(content)
    about = {"digest": hashlib.sha256(content).hexdigest()}
    (root / path).with_suffix(".json").write_text(json.dumps(about))


@pytest.fixture
def study(tmp_path):
    root = tmp_path / "mine"
    with lock(root) as storage:
        commit(Ledger(storage))
        storage.write_atomic("spec/001.yaml", b"name: mine")
    made(root, "encoders/scratch-0.safetensors", b"weights")
    made(root, "features/0123.npy", b"features")
    made(root, "models/4567.safetensors", b"model")
    return root


def tables(root) -> dict:
    return {table: sorted(map(str, frame(root, table).to_dicts())) for table in TABLES}


def flip(content: bytes) -> bytes:
    """One bit in each of ten places, since a single one can be where nothing is read."""
    flipped = bytearray(content)
    for part in range(1, 11):
        flipped[len(content) * part // 12] ^= 4
    return bytes(flipped)


DAMAGES = {
    "damaged": {"bits flipped": flip, "cut short": lambda content: content[:-40]},
    "empty": {"emptied": lambda content: b""},
}


def test_whole_results_are_said_to_be(study, capsys):
    assert main(["doctor", str(study)]) == 0
    assert "every file is what was written" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["pretraining", "trials", "finals", "rejects", *DEPENDENTS])
def test_a_damaged_file_of_each_table_is_named_and_set_aside_and_a_run_makes_good_the_loss(study, table, capsys):
    before, path = tables(study), study / table / "000000.parquet"
    whole = path.read_bytes()
    for kind, ways in DAMAGES.items():
        for damage in ways.values():
            path.write_bytes(damage(whole))
            assert main(["doctor", str(study)]) == 5
            assert f"{kind:<9}  {path}" in capsys.readouterr().out
            assert main(["doctor", str(study), "--set-aside"]) == 0
            assert examine(study) == []
            with lock(study) as storage:
                commit(Ledger(storage))
            assert tables(study) == before
            whole = path.read_bytes()
    assert len(list((study / "damaged").iterdir())) == 3, "nothing that was set aside overwrites what was before"


def test_a_lost_file_and_a_foreign_one_are_mended_too(study, capsys):
    before = tables(study)
    (study / "scores" / "000000.parquet").unlink()
    (study / "scores" / "000001.parquet").write_bytes((study / "finals" / "000000.parquet").read_bytes())
    (study / "trials" / "copy.parquet").write_bytes((study / "trials" / "000000.parquet").read_bytes())
    (study / "tmp" / "000000.parquet.1.part").write_bytes(b"PAR1")
    kinds = sorted(each.kind for each in examine(study))
    assert kinds == ["damaged", "foreign", "leftover", "missing"]
    assert main(["doctor", str(study), "--set-aside"]) == 0
    assert "2 finals have lost what belongs to them and will be run again" in capsys.readouterr().out
    with lock(study) as storage:
        commit(Ledger(storage))
    assert tables(study) == before and examine(study) == []


def test_of_keys_that_are_stored_twice_the_later_file_goes(study):
    first = study / "trials" / "000000.parquet"
    (study / "trials" / "000001.parquet").write_bytes(first.read_bytes())
    assert [each.kind for each in examine(study)] == ["duplicate"]
    mend(study)
    assert examine(study) == [] and frame(study, "trials").height == 2


@pytest.mark.parametrize("path", ["encoders/scratch-0.safetensors", "features/0123.npy", "models/4567.safetensors"])
@pytest.mark.parametrize("kind", ["damaged", "empty", "missing", "no digest"])
def test_what_was_computed_is_verified_against_its_digest_and_goes_with_its_json(study, path, kind):
    file, about = study / path, (study / path).with_suffix(".json")
    if kind == "missing":
        file.unlink()
    elif kind == "no digest":
        about.write_text("{")
    else:
        file.write_bytes(b"" if kind == "empty" else b"changed")
    [found] = examine(study)
    assert (found.kind, found.path) == ("damaged" if kind == "no digest" else kind, str(about))
    mend(study)
    assert not file.exists() and not about.exists() and examine(study) == []


def test_what_an_interrupted_driver_left_needs_no_hand(study, capsys):
    (study / "encoders" / "spark-0.safetensors").write_bytes(b"not told of yet")
    with pytest.raises(KeyboardInterrupt):
        Ledger(study, failpoint=interrupted).commit("trials", run(9, "trials"), [{"key": f"{9:016x}", "epoch": 1}])
    assert sorted(each.kind for each in examine(study)) == ["leftover", "orphan"]
    assert main(["doctor", str(study)]) == 0


def interrupted(name: str) -> None:
    raise KeyboardInterrupt


def test_a_study_file_that_cannot_be_read_is_set_aside(study):
    (study / "spec" / "002.yaml").write_bytes(b"\xff: [")
    assert [each.kind for each in examine(study)] == ["damaged"]
    mend(study)
    assert examine(study) == [] and not (study / "spec" / "002.yaml").exists()


def test_a_file_of_a_newer_version_is_left_where_it_is(study):
    import pyarrow.parquet as pq

    path = study / "trials" / "000000.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.replace_schema_metadata({"labelcurve.table": "trials", "labelcurve.version": "999"}), path)
    assert "newer" in {each.kind for each in examine(study)}
    assert main(["doctor", str(study), "--set-aside"]) == 5
    assert path.exists()


def test_nothing_is_mended_while_a_driver_is_at_work(study, capsys):
    with lock(study):
        assert main(["doctor", str(study)]) == 0
        with pytest.raises(LockHeld):
            mend(study)
        assert main(["doctor", str(study), "--set-aside"]) == 5
    assert "is writing to this study" in capsys.readouterr().err


def test_results_in_an_object_store_are_mended_as_on_a_disk(bucket):
    with lock(bucket) as storage:
        commit(Ledger(storage))
        before = tables(bucket)
        storage.write_atomic("finals/000000.parquet", b"lost")
    assert [each.kind for each in examine(bucket)][:1] == ["damaged"]
    mend(bucket)
    assert examine(bucket) == []
    with lock(bucket) as storage:
        commit(Ledger(storage))
    assert tables(bucket) == before
