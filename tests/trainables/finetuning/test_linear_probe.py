import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from study.data import node_cache
from trainables import adaptations, backbones
from trainables.contracts import FileRef
from trainables.finetuning import encoder_features, linear_probe
from trainables.scoring import metrics


def records_of(job):
    found = [dataclasses.asdict(record) for record in linear_probe.run(job.but(adaptation="linear"))]
    for record in found:
        record["result"].pop("seconds"), record["result"].pop("device_seconds")
    return found


def sample(count=60, size=20, classes=3, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    return (generator.normal(size=(count, size)) + labels[:, None] * 0.3).astype(np.float32), labels.tolist()


@pytest.mark.parametrize("classes", [2, 3])
def test_agrees_with_scikit_learn(classes):
    features, labels = sample(classes=classes)
    scaled = (features - features.mean(0)) / features.std(0)
    # scikit-learn sums the losses where ours takes their mean; of two classes it penalises one vector, ours its two
    # halves.
    strength = 1 / (0.05 * len(labels)) * (2 if classes == 2 else 1)
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(scaled, labels).predict_proba(scaled)
    ours = linear_probe.Probe(features, labels, classes, weight_decay=0.05).predict(features)
    assert np.abs(ours - theirs).max() < 1e-3


def test_several_findings_are_so_many_regressions_of_scikit_learn():
    features, classes = sample(size=5)
    labels = np.stack([np.array(classes) == 0, np.arange(60) % 4 == 1], 1).astype(int)
    scaled = ((features - features.mean(0)) / features.std(0)).astype(np.float64)  # it computes in what it is given
    ours = linear_probe.Probe(features, labels, 2, weight_decay=0.05)
    for f in range(2):
        theirs = LogisticRegression(C=1 / (0.05 * 60), tol=1e-8, max_iter=5000).fit(scaled, labels[:, f])
        assert np.abs(ours.predict(features)[:, f] - theirs.predict_proba(scaled)[:, 1]).max() < 1e-4
    assert ours.loss == pytest.approx(metrics.log_loss(labels, ours.predict(features)))


def test_constant_features_are_harmless():
    features, labels = sample()
    padded = np.concatenate([features, np.full((len(features), 2), 0.1, np.float32)], 1)
    other = padded.copy()
    other[:, -2:] += 100  # what was constant in training varies later
    plain = linear_probe.Probe(features, labels, 3, weight_decay=0.1).predict(features)
    assert np.allclose(linear_probe.Probe(padded, labels, 3, weight_decay=0.1).predict(other), plain, atol=1e-6)


def test_a_larger_penalty_pulls_towards_the_class_shares():
    features, labels = sample(classes=2)
    spread = [
        linear_probe.Probe(features, labels, 2, weight_decay=w).predict(features)[:, 1].std() for w in (0.01, 1, 1e4)
    ]
    assert spread[0] > spread[1] > spread[2] and spread[2] < 1e-3


def test_one_record_above_chance_and_repeatable_to_the_bit(trial):
    first = records_of(trial())
    assert first == records_of(trial())
    (record,) = first
    assert (record["epoch"], record["images"], record["result"]["epochs"]) == (1, 48, 1) and record["step"] > 1
    assert record["score"] > 0.8
    assert [curve[:2] for curve in record["curves"]] == [["train", "loss"], ["val", "auc"], ["val", "log_loss"]]
    assert record["result"]["scores"] == record["result"]["predictions"] == []


def test_stored_features_give_the_same_record_as_the_encoder(trial, tmp_path):
    job = trial()
    ref = linear_probe.write_features(job, tmp_path / "deep" / "features.npy")
    assert linear_probe.read_features(ref).shape == (96, 96) and linear_probe.read_features(ref).dtype == np.float32
    assert ref.digest == hashlib.sha256((tmp_path / "deep" / "features.npy").read_bytes()).hexdigest()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["features.npy"]
    assert records_of(job.but(features=ref)) == records_of(job)


def test_features_under_given_weights_are_of_no_seed(trial, tmp_path, monkeypatch):
    backbones.save(encoder_features.encoder("test_resnet", None, seed=1), tmp_path / "encoder.safetensors", {})
    monkeypatch.setattr(node_cache, "local", lambda ref: Path(ref.uri))
    job = trial(encoder=FileRef(str(tmp_path / "encoder.safetensors"), "00"))
    given = linear_probe.read_features(linear_probe.write_features(job, tmp_path / "given.npy"))
    fresh = linear_probe.read_features(linear_probe.write_features(trial(seed=1), tmp_path / "fresh.npy"))
    assert (given == fresh).all()


def test_features_that_were_altered_are_named(trial, tmp_path):
    ref = linear_probe.write_features(trial(), tmp_path / "features.npy")
    (tmp_path / "features.npy").write_bytes(b"something else")
    with pytest.raises(ValueError, match="features.npy"):
        records_of(trial(features=ref))


def test_a_final_run_scores_the_test_set_and_keeps_every_prediction(trial, test_set):
    result = records_of(trial(tests={"test": test_set}))[-1]["result"]
    scores = {name: value for _, _, name, value in result["scores"]}
    assert scores["auc"] > 0.7
    test = [row for row in result["predictions"] if row[0] == "test"]
    stored = np.asarray([p for *_, p in test], dtype=np.float32)
    again = metrics.evaluate(np.asarray([label for *_, [label], _ in test]), stored.astype(float))
    assert again == {name: scores[name] for name in again}
    assert [row[2] for row in result["predictions"]] == list(range(48, 72)) + test_set.rows


def test_findings_that_come_together_are_predicted_each_for_itself(trial, findings):
    multi, test_set = findings
    (record,) = records_of(trial(tests={"test": test_set}, **multi))
    p = np.array([row[4] for row in record["result"]["predictions"]])
    assert p.shape == (48, 3) and not np.allclose(p.sum(1), 1)
    assert dict(row[2:] for row in record["result"]["scores"])["balanced_accuracy_at_threshold"] > 0.5


def test_the_encoder_is_bit_identical_afterwards_and_a_change_is_caught(trial, monkeypatch):
    job = trial()
    made = encoder_features.encoder("test_resnet", None, seed=1)
    before = encoder_features.state_hash(made)
    monkeypatch.setattr(encoder_features, "encoder", lambda *args, **kwargs: made)
    records_of(job)
    assert encoder_features.state_hash(made) == before

    def leaky(module, pixels, where):
        module.train()
        with torch.no_grad():
            return module(pixels[:])

    monkeypatch.setattr(encoder_features, "embed", leaky)
    with pytest.raises(RuntimeError, match="not frozen"):
        records_of(job)


def test_a_subset_of_four_images_and_no_validation(trial):
    (record,) = records_of(trial(train=[0, 1, 2, 3], val=[]))
    assert record["score"] is None and record["curves"][0][:2] == ["train", "loss"]


def test_settings_of_another_adaptation_are_refused(trial):
    with pytest.raises(ValueError, match="adaptation linear has no setting 'lr'; there are 'weight_decay'"):
        records_of(trial(settings={"lr": 0.1}))
    assert list(adaptations.get("linear").defaults) == ["weight_decay"]
