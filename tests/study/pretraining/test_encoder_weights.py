"""Weights that a study is handed are tried before anything is computed, and kept as any encoder is."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from safetensors import safe_open

from study.config.load import read_study
from study.errors import InputRefused, SurroundingsFailed
from study.pretraining.encoder_weights import (
    check_models,
    check_weights,
    convert_weights,
    draw_weights,
    weights_identity,
)
from trainables import backbones
from trainables.backbones import weights

ASKED = ["backbone=test_resnet", "pretraining.methods={}", "weights={imagenet: 'timm:test_resnet.r160_in1k'}"]


def test_a_name_for_timm_is_no_path():
    study = read_study("quickstart", ASKED)
    assert study.weights == {"imagenet": "timm:test_resnet.r160_in1k"} and "imagenet" in study.compared()


def test_what_cannot_be_downloaded_stops_the_study_unless_it_is_there(monkeypatch, tmp_path):
    def unreachable(source, *_):
        raise ConnectionError(f"{source}: no network")

    monkeypatch.setattr(weights, "load", unreachable)
    study = read_study("quickstart", ASKED)
    with pytest.raises(SurroundingsFailed, match=r"weights\.imagenet: timm:test_resnet\.r160_in1k: no network"):
        check_weights(study, tmp_path)
    (tmp_path / "encoders").mkdir()
    (tmp_path / "encoders" / "imagenet-0.json").touch()
    check_weights(study, tmp_path)


def test_a_file_becomes_an_encoder_and_stands_for_its_bytes(tmp_path, said):
    source, made = tmp_path / "given.safetensors", tmp_path / "made.safetensors"
    draw_weights("test_resnet", 3, source)
    convert_weights("test_resnet", str(source), made)
    backbones.check_weights(made, "test_resnet")
    with safe_open(made, "pt") as file:
        assert json.loads(file.metadata()["labelcurve"]) == {"initialisation": "file"}
    assert len(said) == 1 and "given.safetensors" in said[0]
    assert weights_identity(str(source)) == hashlib.sha256(source.read_bytes()).hexdigest()
    assert weights_identity("timm:resnet18.tv_in1k") == "timm:resnet18.tv_in1k"


def test_batch_norm_alone_is_refused_on_a_network_that_has_none():
    asked = ["pretraining.methods={}", "adaptations={batch_norm: {sizes: {share: [1]}}}"]
    check_models(read_study("quickstart", [*asked, "backbone=test_resnet"]))
    with pytest.raises(InputRefused, match="adaptations.batch_norm: test_convnext has no batch norm to train"):
        check_models(read_study("quickstart", [*asked, "backbone=test_convnext"]))


@pytest.mark.parametrize("backbone", ["test_vit", "vit_tiny_patch16_224", "test_resnet", "test_efficientnet"])
def test_a_network_that_is_built_for_one_size_is_built_for_that_of_the_study(backbone):
    check_models(read_study("quickstart", ["pretraining.methods={}", f"backbone={backbone}"]))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["pretraining.methods={}", "backbone=levit_128", "image_size=72"], "backbone levit_128.*72 px.*image_size"),
        (["pretraining.methods={swav: {}}", "backbone=test_vit"], r"pretraining\.methods\.swav: cannot take images of"),
    ],
)
def test_a_size_that_a_network_cannot_take_is_refused_before_anything_is_computed(asked, message):
    with pytest.raises(InputRefused, match=message) as refused:
        check_models(read_study("quickstart", asked))
    assert "\n" not in str(refused.value)


def test_weights_made_side_by_side_are_those_made_alone(tmp_path):
    """Building a network draws from the process's one generator, which threads share."""
    source = tmp_path / "source.safetensors"
    draw_weights("resnet10t", 3, source)

    def drawn(name):
        draw_weights("resnet10t", 7, tmp_path / name)
        return (tmp_path / name).read_bytes()

    def converted(name):
        convert_weights("resnet10t", str(source), tmp_path / name)
        return (tmp_path / name).read_bytes()

    alone = {drawn: drawn("drawn"), converted: converted("converted")}
    assert alone[drawn] != alone[converted]
    jobs = [drawn, converted] * 12
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda make, k: make(str(k)), jobs, range(len(jobs)))
        assert list(found) == [alone[make] for make in jobs]
