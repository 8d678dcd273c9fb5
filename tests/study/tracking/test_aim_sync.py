"""A mirror is brought up to the ledger: what is right stays, the rest is removed and written anew."""

from datetime import UTC, datetime

import pytest

from study.cli import main
from study.ledger import Ledger, lock

aim = pytest.importorskip("aim")

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
ABOUT = {"study": "lungs", "fingerprint": "f", "initialisation": "spark", "pretrain_seed": 0}


def key(number: int) -> str:
    return f"{number:016x}"


def run(number: int, status: str = "completed") -> dict:
    return ABOUT | {"key": key(number), "index": number, "status": status, "ended_at": NOW}


@pytest.fixture
def root(tmp_path):
    """Two trials, a final run and a pre-training run of two steps."""
    root = tmp_path / "lungs"
    (root / "spec").mkdir(parents=True)
    (root / "spec" / "001.yaml").write_text("name: lungs\n")
    ledger = Ledger(root)
    steps = [ABOUT | {"key": key(90 + n), "method": "spark", "step": 10 * n, "loss": 0.5, "at": NOW} for n in range(2)]
    ledger.commit("pretraining", steps)
    for number in range(2):
        curve = {"key": key(number), "epoch": 1, "step": 5, "split": "val", "metric": "auc", "value": 0.5 + number / 10}
        ledger.commit("trials", run(number), curves=[curve])
    score = {"key": key(9), "test_set": "test", "unit": "image", "metric": "auc", "value": 0.75}
    ledger.commit("finals", run(9), scores=[score])
    return root


def synced(root, capsys) -> str:
    assert main(["aim", "sync", str(root)]) == 0
    return capsys.readouterr().out.splitlines()[-1]


def there(root) -> list[str]:
    return sorted(found.name for found in aim.Repo(str(root.parent)).structured_db.runs())


def test_what_is_missing_is_written_what_is_wrong_is_removed_and_the_rest_is_left(root, capsys):
    assert "4 runs written, 0 removed" in synced(root, capsys)
    assert there(root) == [key(0), key(1), key(9), key(91)]
    hashes = {found.hash for found in aim.Repo(str(root.parent)).structured_db.runs()}
    assert "0 runs written, 0 removed" in synced(root, capsys)

    half = next(found for found in aim.Repo(str(root.parent)).structured_db.runs() if found.name == key(1))
    half.description = ""  # as a writer leaves it that dies before the end
    quiet = {"system_tracking_interval": None, "log_system_params": False, "capture_terminal_logs": False}
    for name, experiment in ((key(0), "lungs"), (key(7), "lungs"), ("mine", "lungs"), (key(8), "other")):
        theirs = aim.Run(repo=str(root.parent), experiment=experiment, **quiet)
        theirs.name = name
        theirs.close()
    assert "1 runs written, 3 removed" in synced(root, capsys)
    assert there(root) == sorted([key(0), key(1), key(9), key(91), "mine", key(8)])
    kept = {found.hash for found in aim.Repo(str(root.parent)).structured_db.runs()} & hashes
    assert len(kept) == 3, "only the half one was made again"


def test_another_folder_gets_a_mirror_of_its_own(root, tmp_path, capsys):
    assert main(["aim", "sync", str(root), "--repo", str(tmp_path / "elsewhere")]) == 0
    assert "4 runs written" in capsys.readouterr().out
    assert len(aim.Repo(str(tmp_path / "elsewhere")).list_all_runs()) == 4 and not (root.parent / ".aim").exists()


def test_while_a_driver_is_at_work_it_is_left_to_it(root, capsys):
    with lock(root):
        assert main(["aim", "sync", str(root)]) == 5
    assert "is writing to this study" in capsys.readouterr().err


def test_an_aim_that_fails_is_named_and_the_command_can_be_run_again(root, capsys, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("the repository is corrupt")

    with monkeypatch.context() as patch:
        patch.setattr(aim, "Run", broken)
        assert main(["aim", "sync", str(root)]) == 5
    assert "the repository is corrupt" in capsys.readouterr().err
    assert "4 runs written" in synced(root, capsys)
