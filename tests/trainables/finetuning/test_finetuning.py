import dataclasses
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.metrics import roc_auc_score

from study.data import node_cache
from study.vocabulary import METRIC_NAMES
from trainables import adaptations, backbones
from trainables.contracts import FileRef, TestSet
from trainables.finetuning import classifier, encoder_features, finetuning, linear_probe, run_result


def records_of(job):
    """All that a job yields, without the times it took."""
    found = [dataclasses.asdict(record) for record in finetuning.run(job)]
    for record in found:
        if record["result"]:
            assert record["result"].pop("seconds") >= record["result"].pop("device_seconds") > 0
    return found


def tuning_of(job):
    adaptation = adaptations.get(job.adaptation)
    return finetuning.FineTuning(job, finetuning.WITHOUT | adaptation.resolve(job.settings))


def test_the_same_job_gives_the_same_records_bit_for_bit_and_another_seed_does_not(trial):
    settings = {"dropout": 0.3, "augmentation": 1.0, "label_smoothing": 0.1, "layer_decay": 0.8}
    first = records_of(trial(settings=settings))
    assert records_of(trial(settings=settings)) == first
    assert records_of(trial(settings=settings, seed=2)) != first


def test_a_job_leaves_nothing_behind_in_the_process(trial):
    alone = records_of(trial(seed=5))
    random, numpy_random, threads = torch.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()
    records_of(trial(seed=6, settings={"dropout": 0.5, "release_epoch": 1}))
    assert torch.equal(torch.get_rng_state(), random) and torch.get_num_threads() == threads
    assert (np.random.get_state()[1] == numpy_random).all()
    np.random.seed(0), torch.manual_seed(0)
    assert records_of(trial(seed=5)) == alone


def test_a_job_left_half_way_gives_the_threads_back(trial):
    threads = torch.get_num_threads()
    run = finetuning.run(trial(threads=threads + 1))
    next(run)
    run.close()
    assert torch.get_num_threads() == threads


def test_it_learns_a_visible_finding_from_few_steps(trial):
    last = records_of(trial(epochs=10))[-1]
    assert last["score"] > 0.85
    assert last["curves"][0][2] < 0.5  # nats; ln 2 is chance


def test_a_record_an_epoch_with_what_was_spent(trial):
    first, last = records_of(trial(settings={"batch": 20}))
    assert (first["epoch"], first["step"], first["images"], first["result"]) == (1, 3, 48, None)
    assert (last["epoch"], last["step"], last["images"]) == (2, 6, 96)
    assert [curve[:2] for curve in last["curves"]] == [["train", "loss"], ["val", "auc"], ["val", "log_loss"]]
    expected = {"epochs": 2, "images": 96, "device": "cpu", "threads": 1, "scores": [], "predictions": []}
    assert last["result"] == expected or torch.cuda.is_available()


def test_log_loss_as_the_objective_is_negated(trial):
    last = records_of(trial(objective="log_loss"))[-1]
    assert [curve[:2] for curve in last["curves"]] == [["train", "loss"], ["val", "log_loss"]]
    assert last["score"] == -last["curves"][1][2]


def test_a_trial_opens_no_test_labels(trial, test_set, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a trial looked for test labels")

    monkeypatch.setattr(run_result, "read_labels", refuse)
    monkeypatch.setattr(pq, "read_table", refuse)
    assert records_of(trial())[-1]["result"]["scores"] == []
    with pytest.raises(AssertionError):
        records_of(trial(tests={"test": test_set}))


def test_a_final_run_scores_the_test_set_and_keeps_every_prediction(trial, test_set):
    result = records_of(trial(epochs=10, tests={"test": test_set}))[-1]["result"]
    scores = {name: value for _, _, name, value in result["scores"]}
    assert {tuple(score[:2]) for score in result["scores"]} == {("test", "image")}
    by_threshold = {"balanced_accuracy_at_threshold", "macro_f1_at_threshold"}
    assert set(scores) == {*METRIC_NAMES} | by_threshold | {
        "sensitivity_at_specificity_0.9",
        "specificity_realised_0.9",
    }
    assert scores["auc"] > 0.8
    test = [row for row in result["predictions"] if row[0] == "test"]
    assert [row[1:3] for row in test] == [["test", row] for row in test_set.rows]
    assert [row[3] for row in test] == [[row % 2] for row in test_set.rows]  # the file is in another order
    assert all(sum(row[4]) == pytest.approx(1) for row in test)
    assert [row[:2] for row in result["predictions"] if row[0] != "test"] == [["val", None]] * 24


def test_a_final_run_trains_as_its_trial_did(trial, test_set):
    as_trial, as_final = records_of(trial()), records_of(trial(tests={"test": test_set}))
    assert [record["curves"] for record in as_trial] == [record["curves"] for record in as_final]


def test_a_test_row_without_a_label_is_named(trial, test_set):
    with pytest.raises(ValueError, match="test_labels.parquet: no label for 1 test rows, the first of them row 7"):
        records_of(trial(tests={"test": dataclasses.replace(test_set, rows=[72, 7])}))


def test_findings_that_come_together_are_learnt_and_predicted_each_for_itself(trial, findings):
    multi, test_set = findings
    *_, last = records_of(trial(epochs=10, tests={"test": test_set}, **multi))
    val = [row for row in last["result"]["predictions"] if row[0] == "val"]
    labels, p = np.array([row[3] for row in val]), np.array([row[4] for row in val])
    assert labels.shape == p.shape == (24, 3) and not np.allclose(p.sum(1), 1)
    assert roc_auc_score(labels[:, 0], p[:, 0]) > 0.85
    assert last["score"] == pytest.approx(np.mean([roc_auc_score(labels[:, f], p[:, f]) for f in range(3)]), abs=1e-6)
    test = [row for row in last["result"]["predictions"] if row[0] == "test"]
    assert [row[3] for row in test] == [[row % 2, int(row % 3 == 0), int(row % 10 == 1)] for row in test_set.rows]


def test_no_validation_rows_mean_no_score(trial):
    last = records_of(trial(val=[]))[-1]
    assert last["score"] is None and [curve[0] for curve in last["curves"]] == ["train"]


def test_validation_with_one_class_has_no_auc_but_a_log_loss(trial):
    last = records_of(trial(val=[49, 51]))[-1]
    assert last["score"] is None and [curve[1] for curve in last["curves"]] == ["loss", "log_loss"]


@pytest.mark.parametrize("count", [2, 4, 33])
def test_subsets_smaller_than_a_batch_or_just_above_it_train(trial, count):
    assert records_of(trial(train=list(range(count)), val=[50, 51]))[-1]["score"] is not None


def test_no_batch_holds_a_single_image():
    for images in range(2, 70):
        for batch in (2, 3, 32):
            sizes = [len(each) for each in classifier.batches(images, batch, torch.Generator())]
            assert sum(sizes) == images and min(sizes) >= 2 and max(sizes) - min(sizes) <= 1
            assert max(sizes) <= max(batch, 3)


def test_a_frozen_encoder_stays_bit_identical_until_it_is_released(trial):
    job = trial(epochs=3, settings={"release_epoch": 2})
    tuning = tuning_of(job)
    before = encoder_features.state_hash(tuning.model.encoder)
    head = tuning.model.head.weight.clone()
    for epoch in (1, 2):
        tuning.span(epoch)
        tuning.settle()
        assert encoder_features.state_hash(tuning.model.encoder) == before
    assert not torch.equal(tuning.model.head.weight, head)
    cached = tuning.predict_val()
    assert np.array_equal(cached, tuning.predict(TestSet(job.images, job.val, None, "")))
    tuning.span(3)
    assert encoder_features.state_hash(tuning.model.encoder) != before


def test_rates_fall_by_depth_and_the_head_has_its_own(trial):
    generator = torch.Generator().manual_seed(0)
    encoder = encoder_features.encoder("test_resnet", None, seed=0)
    model = classifier.Classifier(encoder, [0, 1], 2, dropout=0.0, generator=generator)
    groups = classifier.parameter_groups(model, lr=0.1, head_lr=5.0, layer_decay=0.5, weight_decay=0.2)
    rates = {id(each): group["peak"] for group in groups for each in group["params"]}
    assert len(rates) == len(list(model.parameters()))
    assert rates[id(model.head.weight)] == pytest.approx(0.5)
    assert rates[id(encoder.layer4[0].conv1.weight)] == pytest.approx(0.1 * 0.5)
    assert rates[id(encoder.layer1[0].conv1.weight)] == pytest.approx(0.1 * 0.5**4)
    assert rates[id(encoder.conv1[0].weight)] == pytest.approx(0.1 * 0.5**5)
    decayed = {id(each) for group in groups if group["weight_decay"] for each in group["params"]}
    assert decayed == {id(each) for each in model.parameters() if each.ndim > 1}


def test_the_rate_warms_up_falls_to_zero_and_starts_late_for_a_released_part():
    whole = [classifier.rate_factor(step, total=100) for step in range(101)]
    assert whole[0] == pytest.approx(0.2) and max(whole) == whole[4] > 0.99 and whole[100] == pytest.approx(0)
    assert whole[4:] == sorted(whole[4:], reverse=True)
    late = [classifier.rate_factor(step, total=100, start=40) for step in range(101)]
    assert set(late[:40]) == {0.0} and 0 < late[40] < late[43] and late[44:] == whole[44:]


def test_an_unbalanced_subset_starts_from_its_class_shares():
    encoder = encoder_features.encoder("test_resnet", None, seed=0)
    model = classifier.Classifier(encoder, [0] * 9 + [1], 3, dropout=0.0, generator=torch.Generator().manual_seed(0))
    start = torch.softmax(model.head.bias, 0)
    assert start.tolist() == pytest.approx([9.5 / 11.5, 1.5 / 11.5, 0.5 / 11.5])


def test_several_findings_start_from_the_odds_of_each():
    encoder, generator = encoder_features.encoder("test_resnet", None, seed=0), torch.Generator().manual_seed(0)
    model = classifier.Classifier(encoder, [[1, 0]] * 3 + [[0, 0]] * 6, 2, dropout=0.0, generator=generator)
    assert torch.sigmoid(model.head.bias).tolist() == pytest.approx([3.5 / 10, 0.5 / 10])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_over_findings_is_that_of_a_loop(smoothing):
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)).double(), torch.eye(4, 3).double()
    terms = []
    for i in range(4):
        for f in range(3):
            p, target = 1 / (1 + math.exp(-logits[i, f])), labels[i, f].item() * (1 - smoothing) + smoothing / 2
            terms.append(-target * math.log(p) - (1 - target) * math.log(1 - p))
    assert classifier.loss_of(logits, labels, smoothing=smoothing).item() == pytest.approx(sum(terms) / 12)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_head_computes_in_full_precision_whatever_the_encoder_computes_in(dropout):
    encoder, generator = backbones.build("test_resnet"), torch.Generator().manual_seed(3)
    model = classifier.Classifier(encoder, [0, 1, 2], 3, dropout=dropout, generator=generator)
    images = torch.rand(4, 1, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = model.eval().encoder(images)
        logits, coarse = model(images), torch.nn.functional.linear(features, model.head.weight, model.head.bias)
        loss = classifier.loss_of(model.train().logits(features), torch.tensor([0, 1, 2, 0]), smoothing=0.1)
    exact = torch.nn.functional.linear(features.float(), model.head.weight, model.head.bias)
    assert torch.equal(logits, exact) and logits.dtype == loss.dtype == torch.float32
    assert features.dtype == coarse.dtype == torch.bfloat16, "what it would be otherwise"


def test_a_seed_makes_one_random_encoder():
    hashes = [
        encoder_features.state_hash(encoder_features.encoder("test_resnet", None, seed=seed)) for seed in (1, 1, 2)
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_loss_that_is_not_finite_is_raised_with_its_step(trial, pixels):
    with pytest.raises(FloatingPointError, match=r"became (NaN|infinite) at epoch \d+, step \d+|predictions became"):
        records_of(trial(epochs=5, settings={"lr": 1e18}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight_dekay": 1}, "adaptation full has no setting 'weight_dekay'; did you mean 'weight_decay'"),
        ({"dropuot": 0.1}, "did you mean 'dropout'"),
        ({"lr": 0}, r"setting lr: 0 is outside \(0, inf\]"),
        ({"batch": 1}, r"setting batch: 1 is outside \[2, inf\]"),
        ({"batch": 2.5}, "setting batch: 2.5 is not a whole number"),
        ({"dropout": True}, "setting dropout: True is not a number"),
        ({"augmentation": float("nan")}, "setting augmentation: nan is outside"),
    ],
)
def test_impossible_settings_are_refused_with_the_nearest_name(trial, settings, message):
    with pytest.raises(ValueError, match=message):
        next(finetuning.run(trial(settings=settings)))


def test_batch_norm_is_judged_with_the_statistics_of_the_training_images(trial):
    job = trial(train=list(range(8)), settings={"augmentation": 0.0})
    tuning = tuning_of(job)
    tuning.span(1)
    tuning.settle()
    norm, stem = tuning.model.encoder.conv1[1], tuning.model.encoder.conv1[0]
    with torch.inference_mode():
        seen = stem(tuning.train[tuning.settling])
    assert torch.allclose(norm.running_mean, seen.mean((0, 2, 3)), atol=1e-6)
    assert torch.allclose(norm.running_var, seen.var((0, 2, 3)), rtol=1e-4)
    assert norm.momentum == 0.1


@pytest.mark.parametrize("count", [8, 48])
def test_equal_updates_are_made_whatever_the_size_and_judged_as_often_as_epochs_are(trial, count):
    found = records_of(trial(train=list(range(count)), updates=10, epochs=4, settings={"batch": 8}))
    assert [record["step"] for record in found] == [2, 5, 7, 10]
    assert [record["epoch"] for record in found] == [1, 2, 3, 4]
    assert found[-1]["images"] == 80


def test_as_many_updates_as_epochs_make_are_the_same_training(trial):
    settings = {"release_epoch": 1, "dropout": 0.2, "batch": 16}
    by_updates = records_of(trial(updates=9, epochs=3, settings=settings))
    assert by_updates == records_of(trial(epochs=3, settings=settings))


def test_fewer_updates_than_judgements_are_judged_one_by_one(trial):
    assert [record["step"] for record in records_of(trial(updates=2, epochs=30))] == [1, 2]


def test_batch_norm_alone_is_trained_with_the_head(trial):
    job = trial(adaptation="batch_norm", epochs=3)
    tuning = tuning_of(job)
    before = {name: value.clone() for name, value in tuning.model.encoder.state_dict().items()}
    tuning.span(1), tuning.settle()
    after = tuning.model.encoder.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    norms = {name for name, layer in tuning.model.encoder.named_modules() if isinstance(layer, torch.nn.BatchNorm2d)}
    kinds = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert changed == {f"{name}.{kind}" for name in norms for kind in kinds}
    assert records_of(job)[-1]["score"] > 0.5


def test_a_network_without_batch_norm_has_none_to_train(trial):
    with pytest.raises(ValueError, match="adaptation batch_norm: test_convnext has no batch norm to train"):
        next(finetuning.run(trial(adaptation="batch_norm", backbone="test_convnext")))


def test_stored_features_give_the_frozen_epochs_that_the_encoder_gives(trial, tmp_path, monkeypatch):
    backbones.save(encoder_features.encoder("test_resnet", None, seed=1), tmp_path / "encoder.safetensors", {})
    monkeypatch.setattr(node_cache, "local", lambda ref: Path(ref.uri))
    encoder = FileRef(str(tmp_path / "encoder.safetensors"), "00")
    job = trial(encoder=encoder, epochs=3, settings={"release_epoch": 2})
    ref = linear_probe.write_features(job, tmp_path / "features.npy")
    embedded, here = [], encoder_features.embed
    monkeypatch.setattr(encoder_features, "embed", lambda module, *rest: embedded.append(module) or here(module, *rest))
    given, own = records_of(job.but(features=ref)), None
    assert all(isinstance(module, classifier.Classifier) for module in embedded)  # the encoder alone never saw an image
    own = records_of(job)
    assert [record["score"] for record in given] == pytest.approx([record["score"] for record in own], abs=1e-6)
    assert [curve[2] for curve in given[-1]["curves"]] == pytest.approx([c[2] for c in own[-1]["curves"]], rel=1e-4)


def test_one_training_image_is_refused(trial):
    with pytest.raises(ValueError, match="2 images or more"):
        next(finetuning.run(trial(train=[0])))


@pytest.mark.parametrize("name", adaptations.names())
def test_every_adaptation_has_a_search_space_around_its_defaults(name):
    adaptation = adaptations.get(name)
    assert adaptation.resolve(adaptation.defaults) == adaptation.defaults
    for setting, distribution in adaptation.space.items():
        assert distribution["low"] <= adaptation.defaults[setting] <= distribution["high"]
        adaptation.resolve({setting: distribution["low"]}), adaptation.resolve({setting: distribution["high"]})
