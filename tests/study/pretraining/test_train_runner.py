"""A pre-training run whose driver was killed while Ray wrote its list of checkpoints goes on all the same."""

import pytest
import torch

from study.pretraining.train_runner import SNAPSHOT, newest_whole_checkpoint


@pytest.fixture
def run(tmp_path):
    """A run's folder with two whole checkpoints and a newer one that was cut short."""
    for number in range(3):
        folder = tmp_path / f"checkpoint_{number}"
        folder.mkdir()
        torch.save({"step": number, "weights": torch.rand(100)}, folder / "state.pt")
    whole = (tmp_path / "checkpoint_2" / "state.pt").read_bytes()
    (tmp_path / "checkpoint_2" / "state.pt").write_bytes(whole[: len(whole) // 2])
    return tmp_path


@pytest.mark.parametrize("left", [b"", b'{"checkpoint_results": [{'])
def test_the_newest_whole_checkpoint_is_found_where_the_list_is_torn(run, left):
    (run / SNAPSHOT).write_bytes(left)
    assert newest_whole_checkpoint(run) == str(run / "checkpoint_1")
    assert not (run / SNAPSHOT).exists(), "Ray would refuse it again"


def test_a_list_that_is_whole_or_was_never_written_is_left_to_ray(run):
    assert newest_whole_checkpoint(run) is None
    (run / SNAPSHOT).write_text("{}")
    assert newest_whole_checkpoint(run) is None and (run / SNAPSHOT).read_text() == "{}"


def test_a_torn_list_of_a_run_without_a_whole_checkpoint_means_to_begin_again(run):
    for number in (0, 1):
        (run / f"checkpoint_{number}" / "state.pt").unlink()
    (run / SNAPSHOT).touch()
    assert newest_whole_checkpoint(run) is None and not (run / SNAPSHOT).exists()
