"""A real Aim repository: what is told can be read there, and where there can be none the study goes on."""

import sys
from datetime import UTC, datetime

import pytest

from study.tracking import open_mirror

TRIAL = {
    "key": "0123456789abcdef",
    "study": "one",
    "status": "completed",
    "hp_lr": 0.001,
    "hp_batch": None,
    "settings": '{"lr": 0.001}',
    "score": float("nan"),
    "started_at": datetime(2026, 1, 2, tzinfo=UTC),
}
CURVES = [
    {"key": TRIAL["key"], "epoch": e, "step": e * 10, "split": "val", "metric": "auc", "value": e / 10}
    for e in range(5)
]
SCORES = [{"key": "final", "test_set": "test", "unit": "image", "metric": "auc", "value": 0.75}]
STEPS = [
    {"key": f"p{step}", "study": "one", "method": "spark", "step": step, "loss": 1.0 / (step + 1)}
    | {"pixels": 100 * step, "schedule": {"lr": 0.5, "momentum": 0.99}, "probe_ridge": 0.75}
    | {"probes": {"covid": {"knn": 0.5, "ridge": 0.75}, "organs": {"knn": None, "ridge": None}}}
    for step in (0, 5)
]
STEPS[1] |= {"schedule": '{"lr": 0.5, "momentum": 0.99}', "probes": '{"covid": {"knn": 0.5, "ridge": 0.75}}'}


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """On a busy machine Aim alone takes a while to be imported."""
    monkeypatch.setattr("study.tracking.aim_mirror.LAST_SECONDS", 250)


def tell(folder) -> None:
    with open_mirror(folder) as mirror:
        mirror.pretraining(STEPS)
        mirror.trial(TRIAL, [*CURVES, CURVES[0] | {"value": float("nan")}])
        mirror.final(TRIAL | {"key": "final"}, SCORES)


def test_what_is_told_can_be_read_back_from_aim(tmp_path, said):
    aim = pytest.importorskip("aim")
    from aim.sdk.index_manager import RepoIndexManager

    tell(tmp_path / "aim")
    assert said == []

    indexed = aim.Repo(str(tmp_path / "aim"))
    hashes = indexed.list_all_runs()
    for run_hash in hashes:  # as `aim up` does; a run cannot be read without
        RepoIndexManager.get_index_manager(indexed).index(run_hash)
    repo = aim.Repo(str(tmp_path / "aim"))
    runs = {run.name: run for run in (aim.Run(run_hash, repo=repo, read_only=True) for run_hash in hashes)}
    assert set(runs) == {"p5", TRIAL["key"], "final"}

    trial = runs[TRIAL["key"]]
    assert trial.experiment == "one" and trial["table"] == "trials"
    assert trial["row"]["hp_lr"] == 0.001 and trial["row"]["started_at"] == "2026-01-02 00:00:00+00:00"
    assert not {"score", "hp_batch"} & set(trial["row"]), "what is not known is left out"
    assert values(trial, "auc", {"split": "val"}) == [(e * 10, e / 10) for e in range(5)]
    assert values(runs["final"], "auc", {"test_set": "test", "unit": "image"}) == [(0, 0.75)]
    assert values(runs["p5"], "loss", {"split": "train"}) == [(0, 1.0), (5, pytest.approx(1 / 6))]
    assert values(runs["p5"], "pixels", {"split": "train"}) == [(0, 0), (5, 500)]
    assert values(runs["p5"], "momentum", {"split": "train"}) == [(0, 0.99), (5, 0.99)]
    assert values(runs["p5"], "probe_ridge", {"split": "train"}) == [(0, 0.75), (5, 0.75)]
    assert values(runs["p5"], "probe_knn", {"split": "train", "task": "covid"}) == [(0, 0.5), (5, 0.5)]


def values(run, metric, context) -> list[tuple[int, float]]:
    from aim.storage.context import Context

    found = run.get_metric(metric, Context(context)).dataframe()
    return sorted(zip(found["step"], found["value"], strict=True))


def test_a_repository_that_cannot_be_made_harms_nothing(tmp_path, said):
    pytest.importorskip("aim")
    (tmp_path / "file").write_text("in the way")
    tell(tmp_path / "file" / "aim")
    assert "the study goes on without it" in said[0] and "3 runs are not in Aim" in said[1] and len(said) == 2


def test_without_aim_the_study_goes_on_and_it_is_said(tmp_path, monkeypatch, said):
    monkeypatch.setitem(sys.modules, "aim", None)
    tell(tmp_path / "aim")
    assert len(said) == 1 and "without it" in said[0]


def test_a_mirror_that_nobody_asked_for_imports_nothing(monkeypatch, said):
    monkeypatch.setitem(sys.modules, "aim", None)
    tell(None)
    assert said == []


def test_no_mirror_is_put_on_a_network_disk(tmp_path, monkeypatch, said):
    monkeypatch.setattr("study.tracking.aim_mirror.network_disk", lambda folder: "nfs4")
    tell(tmp_path / "aim")
    assert len(said) == 1 and "nfs4" in said[0] and not (tmp_path / "aim").exists()
