"""A probe sees no patient on both sides and leaves no trace; a warning is said late enough and in words."""

from collections import defaultdict
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import nn

from study.data import node_cache
from study.storage.file_ref import FileRef
from trainables import backbones
from trainables.contracts import PretrainRow, ProbeTask
from trainables.methods.sparse.encoder import sparsify
from trainables.pretraining import probes

CPU = torch.device("cpu")


def task(count=60, patients=20, classes=2, name="blobs", **more):
    """Rows of each patient are of one class, the patient's number modulo `classes`."""
    owner = [row % patients for row in range(count)]
    made = {"name": name, "rows": list(range(count)), "patients": owner, "classes": classes}
    made |= {"labels": [each % classes for each in owner], "images": FileRef(name, "00")}
    return ProbeTask(**made | more)


@pytest.fixture
def stored(monkeypatch):
    """Images 32 px wide, those with an odd patient brighter on the left."""
    random = np.random.default_rng(0)
    pixels = random.uniform(0.2, 0.5, (60, 32, 32))
    pixels[1::2, :, :16] += 0.15
    pixels = (pixels * 65535).astype(np.uint16)
    monkeypatch.setattr(node_cache, "resized", lambda ref, *, size, window: pixels)


def probe(encoder, *tasks):
    return probes.probe(encoder, tasks, image_size=32, window=[0.0, 1.0], device=CPU)


def network(name="test_resnet"):
    torch.manual_seed(0)
    return backbones.build(name)


def test_what_can_be_told_apart_is_and_labels_at_random_are_not(stored):
    shuffled = np.random.default_rng(1).permutation(np.arange(20) % 2)
    random = task(name="random", labels=[int(shuffled[row % 20]) for row in range(60)])
    found = probe(network(), task(), random)
    assert found["probes"].keys() == {"blobs", "random"}
    for kind in ("knn", "ridge"):
        assert found["probes"]["blobs"][kind] > 0.95 and found["probes"]["random"][kind] < 0.8
        mean = np.mean([each[kind] for each in found["probes"].values()])
        assert found[f"probe_{kind}"] == pytest.approx(mean)
    assert found == probe(network(), task(), random)


def test_no_patient_is_on_both_sides_and_every_row_is_tested_once():
    uneven = task(classes=3, patients=17)
    masks = probes.folds(uneven)
    assert len(masks) == probes.FOLDS and torch.stack(masks).sum(0).tolist() == [1] * 60
    owner = np.array(uneven.patients)
    for mask in masks:
        assert not set(owner[mask]) & set(owner[~mask])
        assert set(np.array(uneven.labels)[mask]) == {0, 1, 2}


def test_folds_follow_from_the_ids_and_not_from_the_order_of_rows():
    given = task()
    order = np.random.default_rng(0).permutation(60)
    columns = ("rows", "labels", "patients")
    turned = replace(given, **{name: [getattr(given, name)[k] for k in order] for name in columns})
    for one, other in zip(probes.folds(given), probes.folds(turned), strict=True):
        assert torch.equal(one[order], other)


def test_a_fold_without_a_class_is_skipped_and_a_task_without_folds_has_no_score(stored):
    lonely = task(labels=[int(row % 20 == 3) for row in range(60)])  # one patient has class 1
    assert probes.folds(lonely) == []
    found = probe(network(), lonely)
    assert found == {"probe_knn": None, "probe_ridge": None, "probes": {"blobs": {"knn": None, "ridge": None}}}
    assert probe(network())["probe_ridge"] is None
    assert probe(network(), task(count=0))["probe_ridge"] is None


def test_a_large_task_is_cut_evenly_and_always_alike(monkeypatch):
    monkeypatch.setattr(probes, "ROWS", 30)
    owner = [0] * 40 + [1] * 12 + [2] * 5
    large = replace(task(count=57, patients=57), patients=owner)
    small = probes.chosen(large)
    kept = defaultdict(list)
    for row, patient in zip(small.rows, small.patients, strict=True):
        kept[patient].append(row)
    assert {patient: len(rows) for patient, rows in kept.items()} == {0: 13, 1: 12, 2: 5}
    assert kept[0][0] == 0 and kept[0][-1] > 30, "from all over the patient"
    assert [large.labels[row] for row in small.rows] == small.labels
    many = probes.chosen(task(count=60, patients=60))
    assert len(many.rows) == 30 and many == probes.chosen(task(count=60, patients=60))
    assert probes.chosen(task(count=25)) == task(count=25)


def test_features_that_are_not_finite_give_no_score_instead_of_an_end():
    assert probes.evaluate(torch.full((60, 4), torch.nan), task()) == {"knn": None, "ridge": None}


def _trace(encoder):
    return (
        {name: value.clone() for name, value in encoder.state_dict().items()},
        {name: (p.requires_grad, p.grad, p._version, p.is_inference()) for name, p in encoder.named_parameters()},
        [(layer.training, layer.__dict__.get("_compiled_call_impl")) for layer in encoder.modules()],
        [torch.get_rng_state(), torch.is_grad_enabled(), np.random.get_state()[1].tolist()],
    )


def _same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return a is b or a == b


@pytest.mark.parametrize("kind", ["plain", "sparse", "compiled", "dropout"])
def test_a_probe_leaves_no_trace(stored, kind):
    encoder = network("resnet18" if kind == "sparse" else "test_resnet")
    if kind == "sparse":
        sparsify(encoder)
    if kind == "dropout":
        encoder.append = nn.Dropout(0.5)
        forward = encoder.forward
        encoder.forward = lambda x: encoder.append(forward(x)) + 0 * torch.rand(())  # draws, whatever its mode
    if kind == "compiled":

        def never(*_):
            raise AssertionError("a compiled network was run in evaluation")

        encoder.compile(backend="eager")
        assert encoder._compiled_call_impl is not None
        encoder._compiled_call_impl = never
    encoder.train()
    next(iter(encoder.children())).eval()  # a frozen layer stays as it is
    next(encoder.parameters()).requires_grad_(False)
    before = _trace(encoder)
    found = probe(encoder, task())
    assert found["probe_knn"] is not None and _same(before, _trace(encoder))


def test_a_probe_that_fails_leaves_no_trace_either(stored, monkeypatch):
    encoder = network().train()
    before = _trace(encoder)
    monkeypatch.setattr(probes, "evaluate", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        probe(encoder, task())
    assert _same(before, _trace(encoder))


def row(step, **known):
    """A row of a history in which nothing else is known."""
    unknown = dict.fromkeys(field.name for field in fields(PretrainRow))
    return PretrainRow(**unknown | {"step": step} | known)


UNTRAINED = row(0, probe_ridge=0.7)
HEALTHY = row(50, loss_over_trivial=0.6, spread=0.8, rank=30.0, probe_ridge=0.7)


@pytest.mark.parametrize(
    ("sign", "words"),
    [
        ({"loss_over_trivial": 0.99}, "the loss stands at its trivial value"),
        ({"spread": 0.05}, "the embeddings hardly differ"),
        ({"rank": 1.3}, "the embeddings use one direction"),
        ({"probe_ridge": 0.6}, "the ridge probe fell below the untrained encoder's, from 0.70 to 0.60"),
    ],
)
def test_each_sign_of_collapse_has_its_words(sign, words):
    history = [UNTRAINED, HEALTHY]
    assert probes.warning(HEALTHY, history, steps=100) is None
    assert probes.warning(replace(HEALTHY, **sign), history, steps=100) == words
    assert probes.warning(replace(HEALTHY, **sign, step=5), history, steps=100) is None, "too early to say"


def test_a_loss_well_above_its_trivial_value_is_no_sign_by_itself():
    assert probes.warning(replace(HEALTHY, loss_over_trivial=1.3), steps=100) is None
    assert "trivial" in probes.warning(replace(HEALTHY, loss_over_trivial=1.01), steps=100)


def test_what_is_not_known_is_not_warned_of():
    assert probes.warning(row(50), [UNTRAINED], steps=100) is None
    assert probes.warning(replace(HEALTHY, probe_ridge=0.2), [replace(UNTRAINED, step=5)], steps=100) is None
    assert probes.warning(row(0), steps=0) is None


def test_a_rank_that_a_tiny_batch_keeps_small_is_no_sign():
    assert probes.warning(replace(HEALTHY, rank=1.9), steps=100, room=4) is None
    assert probes.warning(replace(HEALTHY, rank=1.9), steps=100, room=64) is not None


def test_several_signs_are_said_together():
    collapsed = replace(HEALTHY, spread=0.0, rank=1.0)
    assert probes.warning(collapsed, steps=100) == "the embeddings hardly differ, the embeddings use one direction"


def test_the_first_and_last_rows_are_probed_and_about_as_many_as_asked_between():
    steps = [step for step in range(0, 1001, 10) if probes.due(step, 1000, 5, 10)]
    assert steps == [0, 200, 400, 600, 800, 1000]
    assert probes.due(7, 7, 3, 10) and not probes.due(30, 1000, 5, 10)
