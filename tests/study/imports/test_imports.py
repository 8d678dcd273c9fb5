"""Predictions made elsewhere become a study of their own: scored by our metrics, reported as imported, never mixed."""

import re

import polars as pl
import pytest
import yaml
from sklearn.metrics import roc_auc_score

import analysis
from study import cli
from study.data.pseudonyms import PseudonymKey
from study.errors import Contradiction, InputRefused
from study.imports import import_files
from study.ledger import Ledger, check, frame

FACTORS = ["initialisation", "size", "draw", "final_seed"]


@pytest.fixture
def file(predictions, tmp_path):
    predictions.write_csv(tmp_path / "theirs.csv")
    return tmp_path / "theirs.csv"


@pytest.fixture
def root(file, key, tmp_path):
    import_files([file], tmp_path / "results" / "theirs", key=key)
    return tmp_path / "results" / "theirs"


def test_every_run_has_the_scores_of_its_predictions(root, predictions):
    finals, scores = frame(root, "finals"), frame(root, "scores")
    runs = finals.rename({"index": "final_seed"}).with_columns(size=pl.col("size_value").cast(pl.Int64))
    assert len(runs) == 24 and runs["status"].unique().to_list() == ["completed"]
    auc = scores.filter(pl.col("metric") == "auc").join(runs, on="key")
    for values, rows in predictions.filter(pl.col("split") == "test").group_by(FACTORS):
        own = auc.filter(**dict(zip(FACTORS, values, strict=True)))
        by = rows.group_by("patient").agg(pl.max("label"), pl.mean("p_1"))
        wanted = {"image": roc_auc_score(rows["label"], rows["p_1"]), "patient": roc_auc_score(by["label"], by["p_1"])}
        assert dict(own.select("unit", "value").iter_rows()) == pytest.approx(wanted)
    assert scores.filter(pl.col("metric").str.starts_with("sensitivity"))["value"].null_count() == 0


def test_labels_and_patients_are_counted(root):
    finals = frame(root, "finals")
    counts = finals.select("size_kind", "size_value", "n_train", "n_val", "n_patients").unique().sort("size_value")
    assert counts.rows() == [("count", 8.0, 4, 4, 4), ("count", 16.0, 12, 4, 8)]
    assert finals.group_by("initialisation").agg(pl.col("subset_hash").n_unique())["subset_hash"].to_list() == [6, 6]
    assert finals["subset_hash"].n_unique() == 6, "both initialisations were given the same subsets"


def test_the_same_file_adds_nothing_and_a_further_one_its_runs(root, file, predictions, key, tmp_path):
    before = frame(root, "finals")
    assert import_files([file], root, key=key) == 0
    assert frame(root, "finals").equals(before) and check(root) == []
    more = predictions.filter(pl.col("initialisation") == "spark").with_columns(initialisation=pl.lit("byol"))
    more.write_parquet(tmp_path / "more.parquet")
    assert import_files([file, tmp_path / "more.parquet"], root, key=key) == 12
    assert len(frame(root, "finals")) == 36
    spec = yaml.safe_load((root / "spec" / "002.yaml").read_text())
    assert [(each["file"], each["rows"]) for each in spec["imported"]["files"]] == [
        ("theirs.csv", len(predictions)), ("more.parquet", len(more))
    ]  # fmt: skip


def test_other_predictions_of_a_run_that_is_there_are_refused(root, predictions, key, tmp_path):
    changed = predictions.with_columns(p_0=pl.col("p_0") * 0.5, p_1=1 - pl.col("p_0") * 0.5)
    changed.write_csv(tmp_path / "changed.csv")
    before = frame(root, "predictions")
    with pytest.raises(Contradiction, match="changed.csv: the run initialisation scratch, .*other predictions"):
        import_files([tmp_path / "changed.csv"], root, key=key)
    assert frame(root, "predictions").equals(before)


def test_another_test_set_of_the_task_is_refused_later_too(root, predictions, key, tmp_path):
    fewer = predictions.filter(pl.col("sample") != "test-3").with_columns(initialisation=pl.lit("byol"))
    fewer.unique([*FACTORS, "split", "sample"], maintain_order=True).filter(pl.col("size") == 8).filter(
        pl.col("draw") == 0, pl.col("final_seed") == 0).unique("sample", maintain_order=True).write_csv(
        tmp_path / "fewer.csv")  # fmt: skip
    with pytest.raises(InputRefused, match="fewer.csv: .*has other test images, labels or patients"):
        import_files([tmp_path / "fewer.csv"], root, key=key)


def test_an_import_that_dies_leaves_nothing_and_the_same_command_ends_it(file, key, tmp_path, monkeypatch):
    root = tmp_path / "theirs"
    append = Ledger.__init__

    def dying(self, at, **more):
        append(self, at, failpoint=lambda name: (_ for _ in ()).throw(KeyboardInterrupt))

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Ledger, "__init__", dying)
        import_files([file], root, key=key)
    assert frame(root, "finals").is_empty() and frame(root, "predictions").is_empty()
    assert import_files([file], root, key=key) == 24
    assert check(root) == []


def test_names_are_pseudonyms_under_one_key(root, file, key):
    predictions = frame(root, "predictions")
    assert predictions["patient"].n_unique() == 12 + 3 * 2 and set(predictions["split"]) == {"val", "test"}
    text = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    assert b"test-p" not in text and b"train-p" not in text
    assert key.of("test-p-0") in predictions["patient"].to_list()
    with pytest.raises(InputRefused, match="pseudonyms under another key"):
        import_files([file], root, key=PseudonymKey(b"another secret of its own"))


def test_it_never_mixes_with_a_study_that_was_run_here(file, key, tmp_path):
    run = tmp_path / "results" / "mine"
    (run / "spec").mkdir(parents=True)
    (run / "spec" / "001.yaml").write_text("name: mine\n")
    with pytest.raises(InputRefused, match="mine holds a study that was run here"):
        import_files([file], run, key=key)
    with pytest.raises(InputRefused, match="results holds studies; name a new folder in it"):
        import_files([file], tmp_path / "results", key=key)
    with pytest.raises(InputRefused, match="'Not A Name' is no name of a study"):
        import_files([file], tmp_path / "Not A Name", key=key)
    Ledger(tmp_path / "bare").append("rejects", [{"digest": "d", "reason": "r"}])
    with pytest.raises(InputRefused, match="tables that were not imported"):
        import_files([file], tmp_path / "bare", key=key)


def test_no_study_is_run_into_it(root, capsys):
    asked = ["run", "quickstart", "--set", "name=theirs", "--results", str(root.parent)]
    assert cli.main(asked) == 2
    assert "this study was imported, and none is run beside it" in capsys.readouterr().err


def test_findings_and_corruption(predictions, key, tmp_path):
    p = predictions.drop("label", "p_0", "p_1").with_columns(
        label_edema=predictions["label"], label_effusion=1 - predictions["label"],
        p_edema=predictions["p_1"], p_effusion=predictions["p_0"],
    )  # fmt: skip
    blurred = p.filter(pl.col("split") == "test").with_columns(corruption=pl.lit("blur"), severity=2)
    clean = p.with_columns(corruption=pl.lit(None, pl.String), severity=pl.lit(None, pl.Int32))
    pl.concat([clean, blurred], how="vertical_relaxed").write_parquet(tmp_path / "findings.parquet")
    root = tmp_path / "findings"
    assert import_files([tmp_path / "findings.parquet"], root, key=key) == 24
    study = analysis.open(root)
    assert study.predictions.collect()["labels"].list.len().unique().to_list() == [2]
    robust = study.robustness().filter(pl.col("metric") == "auc")
    assert len(robust) and robust["change"].abs().max() < 1e-12
    assert study.judged().select("p_true").collect()["p_true"].null_count() == 0


def test_the_report_says_that_it_is_imported(root, file, capsys, monkeypatch):
    assert cli.main(["report", str(root)]) == 0
    page = (root / "report.html").read_text()
    assert "theirs (imported predictions)" in re.search("<h1.*?</h1>", page)[0]
    assert "theirs.csv" in page and analysis.open(root).imported
    assert cli.main(["status", str(root)]) == 0 and cli.main(["doctor", str(root)]) == 0
    monkeypatch.setenv("LABELCURVE_PSEUDONYM_KEY", "a secret of sixteen characters")
    assert cli.main(["import", str(file), "--to", str(root)]) == 0
    assert "0 new runs" in capsys.readouterr().out
