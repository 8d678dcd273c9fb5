"""The loop's promises: the budget, the order of images, the history, and a resume to the bit."""

import dataclasses
import json
import math
import shutil
import tempfile

import numpy as np
import pytest
import torch
from torch import nn

from study.data.slice_store import StoreWriter
from study.ledger.rows import to_table
from study.storage.file_ref import FileRef
from tests.trainables.small_methods import SMALL
from tests.trainables.small_pretraining import SMALL_PRETRAINING
from trainables import backbones, methods
from trainables.contracts import CorpusImageRows, PretrainConfig, ProbeTask
from trainables.methods.base import Method, Output
from trainables.optimization import optimizers
from trainables.pretraining import corpus_images, cost, loop

SIZE, BATCH, STEPS = 64, 4, 5


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A store of 11 grey images, fewer than three batches."""
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELCURVE_CACHE", str(folder / "cache"))
        writer = StoreWriter(folder / "slices.arrow", unit="grey")
        for number in range(11):
            pixels = rng.integers(0, 255, (70, 80), dtype=np.uint8)
            writer.append(pixels, digest=f"{number:032x}", patient="p", series="s", position=float(number))
        ref = writer.close()
        yield CorpusImageRows(ref, None)


@pytest.fixture
def config(source):
    of_run = {"method": "spark", "settings": methods.validate_settings("spark", SMALL["spark"]), "seed": 3}
    size = {"backbone": "test_resnet", "image_size": SIZE, "sources": [source]}
    length = {"batch": BATCH, "images": BATCH * STEPS - 3, "checkpoint_every": 3, "log_every": 2}
    return SMALL_PRETRAINING | of_run | size | length


class Stop(Exception):
    pass


class Reports:
    """Keeps what a run reports; stops it at a checkpoint if asked, as a kill would."""

    def __init__(self, stop_at=None):
        self.rows, self.checkpoints, self.stop_at = [], [], stop_at

    def __call__(self, row, folder):
        self.rows.append(row and dataclasses.asdict(row))
        if folder is None:
            return
        state = torch.load(folder / "state.pt", weights_only=True)
        encoder = backbones.build("test_resnet")
        backbones.load(encoder, folder / "encoder.safetensors")
        history = json.loads((folder / "history.json").read_text())
        shutil.rmtree(folder)
        self.checkpoints.append((state, encoder.state_dict(), history))
        if state["step"] == self.stop_at:
            raise Stop


def run(config, state=None, stop_at=None):
    reports, config = Reports(stop_at), PretrainConfig(**config)
    if stop_at:
        with pytest.raises(Stop):
            loop.train(config, state, reports)
    else:
        loop.train(config, state, reports)
    return reports


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def timeless(history):
    own = ("seconds", "device_seconds", "peak_memory")
    return [{key: value for key, value in row.items() if key not in own} for row in history]


@pytest.mark.parametrize("name", methods.names())
def test_a_run_that_was_cut_short_ends_in_the_bits_of_one_that_was_not(name, config):
    config |= {"method": name, "settings": methods.validate_settings(name, SMALL.get(name, {}))}
    whole = run(config)
    half = run(config, stop_at=3)
    torch.manual_seed(999)
    resumed = run(config, half.checkpoints[-1][0])
    (state, encoder, history), (state2, encoder2, history2) = whole.checkpoints[-1], resumed.checkpoints[-1]
    assert state["step"] == STEPS and same(encoder, encoder2)
    assert same(state["method"], state2["method"]) and same(state["optimizer"], state2["optimizer"])
    assert timeless(history) == timeless(history2)
    assert history2[-1]["seconds"] > history2[0]["seconds"]


def test_the_history_tells_what_was_spent_and_learnt(config):
    reports = run(config)
    history = reports.checkpoints[-1][2]
    assert [row["step"] for row in history] == [2, 4, 5]
    assert [row["images"] for row in history] == [8, 16, 20] == [row["views"] for row in history]
    for row in history:
        assert row["device_seconds"] == row["seconds"] > 0 and row["lr"] > 0
        assert 0 < row["spread"] < 1.5 and 1 <= row["rank"] <= BATCH
        assert row["loss_over_trivial"] == pytest.approx(row["loss"], rel=0.01)
    assert len(reports.checkpoints) == 2 and reports.rows[-1] == history[-1]


class Average(Method):
    """Learns the mean of its images; the first weight of two is frozen for a step."""

    def __init__(self, backbone, settings, **about):
        super().__init__(backbone, settings, **about)
        self.guess = nn.Parameter(torch.zeros(2))

    def views(self, images, generator):
        return (images,)

    def forward(self, views, at):
        loss = (views[0].mean((1, 2, 3))[:, None] - self.guess).square().mean()
        return Output(loss, None, views[0].flatten(1)[:, :2], views=1)

    def frozen(self, at):
        return [self.guess] if at.step < 1 else []

    def optimizer(self):
        return optimizers.make("sgd", [{"params": [self.guess], "decay": False, "rate": 1.0}], momentum=0.0)

    def schedule(self, at):
        return {"lr": 0.1, "weight_decay": 0.0}


@pytest.fixture
def average(monkeypatch):
    monkeypatch.setattr(methods, "get", lambda name: Average)


def test_a_budget_of_device_seconds_fixes_the_steps_before_the_first(config, average):
    config |= {"images": None, "checkpoint_every": 1000, "log_every": 1000}
    whole = run(config | {"device_seconds": 0.1})
    first, last = whole.checkpoints[0][0], whole.checkpoints[-1][0]
    assert first["step"] == 0 and first["steps"] == last["steps"] == last["step"] >= 1
    resumed = run(config | {"device_seconds": 1e9}, first)
    assert same(resumed.checkpoints[-1][1], whole.checkpoints[-1][1]), "a resumed run keeps the number of steps"


def test_gradients_accumulated_over_parts_are_those_of_the_whole_batch(config, average):
    whole, parts = run(config | {"images": 4 * BATCH}), run(config | {"images": 4 * BATCH, "accumulate": 2})
    (state, _, history), (state2, _, history2) = whole.checkpoints[-1], parts.checkpoints[-1]
    torch.testing.assert_close(state["method"]["guess"], state2["method"]["guess"])
    assert history[-1]["loss"] == pytest.approx(history2[-1]["loss"]) and history[-1]["views"] == history2[-1]["views"]
    with pytest.raises(ValueError, match="a batch of 4 cannot be divided over 1 workers in 3 parts each"):
        run(config | {"accumulate": 3})


def test_what_a_step_freezes_stays_and_moves_afterwards(config, average):
    assert not run(config | {"images": BATCH}).checkpoints[-1][0]["method"]["guess"].any()
    assert run(config | {"images": 2 * BATCH}).checkpoints[-1][0]["method"]["guess"].all()


def test_a_run_can_go_on_from_other_weights(config, tmp_path):
    torch.manual_seed(0)
    given = backbones.build("test_resnet")
    backbones.save(given, tmp_path / "w.safetensors", {})
    start = FileRef(str(tmp_path / "w.safetensors"), "")
    one, other = run(config | {"images": 4, "start": start}), run(config | {"images": 4, "start": start, "seed": 8})
    nearest = one.checkpoints[0][1]["conv1.0.weight"] - given.state_dict()["conv1.0.weight"]
    assert 0 < nearest.abs().max() < 0.01
    assert not same(one.checkpoints[0][1], other.checkpoints[0][1])


def test_operations_are_counted_forward_and_backward():
    flops = cost.Flops()
    layer, x = nn.Linear(10, 20, bias=False), torch.rand(4, 10)
    for measure in (True, False):
        with flops.counted(measure):
            layer(x).sum().backward()
    assert flops.total == 2 * (2 * 4 * 10 * 20) * 2


def test_a_finished_run_gives_its_result_again(config):
    first = run(config)
    again = run(config, first.checkpoints[-1][0])
    assert len(again.checkpoints) == 1 and same(again.checkpoints[0][1], first.checkpoints[-1][1])


def test_the_seed_alone_decides_the_first_weights_and_the_order(config):
    one, other = run(config | {"images": 4}), run(config | {"images": 4, "seed": 4})
    assert same(one.checkpoints[0][1], run(config | {"images": 4}).checkpoints[0][1])
    assert not same(one.checkpoints[0][1], other.checkpoints[0][1])


def test_a_loss_that_is_not_finite_ends_the_run_by_name_and_step(config, monkeypatch):
    def broken(images, predicted, mask):
        return predicted.mean() * math.nan, torch.ones(())

    monkeypatch.setattr("trainables.methods.spark.reconstruction_loss", broken)
    with pytest.raises(RuntimeError, match="spark: the loss is nan at step 1 of 5"):
        run(config)


def test_a_batch_that_workers_cannot_share_is_refused(config):
    with pytest.raises(ValueError, match="a batch of 4 cannot be divided over 3 workers"):
        loop.train(PretrainConfig(**config), None, Reports(), world=3)


def test_chosen_rows_are_the_only_ones_read(config, source):
    chosen = [CorpusImageRows(source.images, rows) for rows in ([7, 2], [5])]
    images = corpus_images.CorpusImages(chosen, image_size=64, window=[0, 1])
    everything = corpus_images.CorpusImages([source], image_size=64, window=[0, 1])
    assert len(images) == 3 and len(everything) == 11
    assert torch.equal(images.read(np.array([2, 0, 1])), everything.read(np.array([5, 7, 2])))
    assert images.read(np.array([0])).shape == (1, 1, 96, 96)


def test_an_empty_corpus_is_refused(source):
    with pytest.raises(ValueError, match="the corpus holds no image"):
        corpus_images.CorpusImages([CorpusImageRows(source.images, [])], image_size=64, window=[0, 1])


def test_the_stream_goes_through_every_image_before_any_again():
    whole = corpus_images.stream(11, seed=3, start=0, count=44)
    for epoch in whole.reshape(4, 11):
        assert sorted(epoch) == list(range(11))
    assert len({tuple(epoch) for epoch in whole.reshape(4, 11)}) == 4
    pieces = [corpus_images.stream(11, seed=3, start=at, count=8) for at in range(0, 40, 8)]
    assert np.array_equal(np.concatenate(pieces), whole[:40])
    assert sorted(corpus_images.stream(3, seed=0, start=0, count=9)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_ray_train_runs_the_loop_in_this_process(config, tmp_path, monkeypatch):
    from ray.train import CheckpointConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the last checkpoint stays where it was made
    trainer = TorchTrainer(
        loop.loop,
        train_loop_config={"config": PretrainConfig(**config)},
        scaling_config=ScalingConfig(num_workers=0),
        run_config=RunConfig(storage_path=str(tmp_path), name="run", checkpoint_config=CheckpointConfig(num_to_keep=1)),
    )
    with trainer.fit().checkpoint.as_directory() as folder:
        backbones.check_weights(f"{folder}/encoder.safetensors", "test_resnet")
        with open(f"{folder}/history.json") as file:
            assert json.load(file)[-1]["step"] == STEPS


def test_probes_choose_nothing(config, source):
    """No probes, probes, and probes of labels that mean nothing end in the same bits; only their columns differ."""
    config |= {"images": 3 * BATCH}
    rows = range(11)
    task = ProbeTask(name="t", images=source.images, rows=rows, labels=[0] * 6 + [1] * 5, patients=rows, classes=2)
    probed = config | {"probes": 2, "probe_tasks": [task]}
    other_labels = dataclasses.replace(task, labels=[0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0])
    permuted = config | {"probes": 2, "probe_tasks": [other_labels]}
    ends = [run(each).checkpoints[-1] for each in (config, probed, permuted)]
    columns = ("probe_knn", "probe_ridge", "probes", "warning")
    (state, encoder, history), *others = ends
    for other_state, other_encoder, other_history in others:
        assert same(encoder, other_encoder) and state["step"] == other_state["step"] == 3
        for part in ("method", "optimizer", "views", "pixels", "flops", "sums", "since"):
            assert same(state[part], other_state[part])
        assert [row["step"] for row in other_history] == [0, *(row["step"] for row in history)]
        plain = [{k: v for k, v in row.items() if k not in columns} for row in timeless(other_history[1:])]
        assert plain == [{k: v for k, v in row.items() if k not in columns} for row in timeless(history)]
        assert other_history[0]["probe_ridge"] is not None is not other_history[-1]["probe_knn"]
    assert all(row["probes"] is None for row in history)
    first, second = (end[2] for end in ends[1:])
    assert first[0]["probes"] != second[0]["probes"], "the permuted labels were really used"
    rows = to_table("pretraining", [row | {"key": str(row["step"]), "fingerprint": "f"} for row in first]).to_pylist()
    assert json.loads(rows[0]["probes"]) == first[0]["probes"], "the ledger takes the rows as they are"
    assert json.loads(rows[-1]["schedule"])["lr"] == rows[-1]["lr"] and rows[-1]["flops"] == first[-1]["flops"] > 0
