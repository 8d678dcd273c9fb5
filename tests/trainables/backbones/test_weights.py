"""Weights in any of the known formats come in whole, as one channel's, and what does not fit is refused in one line."""

import argparse
import os
import re
from collections import OrderedDict

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from trainables import backbones
from trainables.backbones import untrusted_checkpoints, weights


@pytest.fixture(scope="module")
def donor():
    """A small three-channel ResNet with a head and with statistics of its own, as published ones are."""
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=5).double().eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("running_mean", "running_var", "bn2.weight")):
                tensor.copy_(torch.rand_like(tensor) + 0.5)
    return network


def prefixed(prefix, tensors):
    return {prefix + name: tensor for name, tensor in tensors.items()}


def headless(tensors):
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}


def other(*names):
    return {name: torch.zeros(2) for name in names}


FORMATS = {
    "timm": lambda own: headless(own),
    "torchvision": lambda own: own,
    "ddp": lambda own: {"epoch": 3, "model": prefixed("module.", own)},
    "ours": lambda own: {"model_state": headless(own)},
    "dino": lambda own: {
        "student": prefixed("module.backbone.", own),
        "teacher": prefixed("module.backbone.", headless(own)) | prefixed("module.", other("head.mlp.0.weight")),
    },
    "SparK released": lambda own: {"arch": "small", "module": headless(own)},
    "SparK checkpoint": lambda own: {
        "epoch": 1599,
        "module": prefixed("sparse_encoder.sp_cnn.", headless(own))
        | other("dense_decoder.proj.weight", "densify_norms.0.weight", "densify_projs.0.bias", "mask_tokens.0")
        | {"config": {"mask_ratio": 0.6}},
        "optimizer": {"state": {}},
    },
    "BYOL": lambda own: {
        "state_dict": prefixed("online_network.encoder.", own)
        | other("online_network.projector.model.0.weight", "online_network.predictor.model.0.weight")
        | prefixed("target_network.encoder.", own)
    },
    "MoCo": lambda own: {
        "state_dict": prefixed("encoder_q.", own | other("fc.0.weight", "fc.2.weight"))
        | prefixed("encoder_k.", own)
        | other("queue", "queue_ptr", "val_queue")
    },
    "SwAV": lambda own: {
        "state_dict": prefixed("model.", headless(own) | other("projection_head.0.weight", "prototypes.weight"))
    },
}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_gives_the_same_encoder(format, donor, tmp_path):
    torch.save(FORMATS[format](donor.state_dict()), tmp_path / "w.ckpt")
    tensors, _ = weights.fit(weights.read(tmp_path / "w.ckpt"), "test_resnet")
    own = donor.state_dict()
    assert tensors.keys() == headless(own).keys()
    assert all(torch.equal(tensors[name], own[name]) for name in tensors if name != "conv1.0.weight")
    module, _ = weights.load(tmp_path / "w.ckpt", "test_resnet")
    assert torch.equal(module.state_dict()["conv1.0.weight"], own["conv1.0.weight"].sum(1, keepdim=True).float())


def test_what_is_dropped_and_done_is_said(donor, tmp_path):
    torch.save(FORMATS["SwAV"](donor.state_dict()), tmp_path / "swav.ckpt")
    said = "\n".join(weights.load(tmp_path / "swav.ckpt", "test_resnet")[1])
    for words in ("SwAV", "projection_head.* (1 tensors), prototypes.* (1 tensors)", "sums conv1.0.weight over its 3"):
        assert words in said
    torch.save(FORMATS["MoCo"](donor.state_dict()), tmp_path / "moco.ckpt")
    said = "\n".join(weights.load(tmp_path / "moco.ckpt", "test_resnet")[1])
    assert "encoder_k.* (92 tensors), queue, queue_ptr, val_queue" in said


def test_grey_images_give_the_output_of_three_equal_channels(donor, tmp_path):
    torch.save(donor.state_dict(), tmp_path / "w.pth")
    folded = backbones.build("test_resnet").double().eval()
    folded.load_state_dict(weights.fit(weights.read(tmp_path / "w.pth"), "test_resnet")[0], strict=True)
    grey = torch.randn(2, 1, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        colour = donor.forward_head(donor.forward_features(grey.expand(-1, 3, -1, -1)), pre_logits=True)
        torch.testing.assert_close(folded(grey), colour, rtol=1e-12, atol=1e-12)


def test_torchvisions_resnets_have_timms_names(tmp_path):
    torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), tmp_path / "w.pth")
    assert weights.fitting(weights.read(tmp_path / "w.pth")) == ["resnet18"]


def test_torchvisions_convnext_is_timms(tmp_path, monkeypatch):
    def small(name):
        network = timm.models.ConvNeXt(in_chans=1, num_classes=0, depths=(1, 2, 1, 1), dims=(8, 12, 16, 24))
        network.pretrained_cfg = {"first_conv": "stem.0"}
        return network

    monkeypatch.setattr(backbones, "build", small)
    stages = ((8, 12, 1), (12, 16, 2), (16, 24, 1), (24, None, 1))
    stages = [torchvision.models.convnext.CNBlockConfig(*stage) for stage in stages]
    given = torchvision.models.ConvNeXt(stages, layer_scale=1.0, num_classes=3).double().eval()
    torch.save(given.state_dict(), tmp_path / "w.pth")
    own = small("").double().eval()
    own.load_state_dict(weights.fit(weights.read(tmp_path / "w.pth"), "a small ConvNeXt")[0], strict=True)
    given.classifier = given.classifier[:2]
    grey = torch.randn(1, 1, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(own(grey), given(grey.expand(-1, 3, -1, -1)), rtol=1e-12, atol=1e-12)


def test_the_official_convnext_is_timms(tmp_path):
    """Official names are made here by turning timm's back."""
    own = timm.create_model("test_convnext", num_classes=3).state_dict()
    back = (
        (r"^stem\.", "downsample_layers.0."),
        (r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1."),
        (r"\.blocks\.", "."),
        (r"\.conv_dw\.", ".dwconv."),
        (r"\.mlp\.fc([12])\.", r".pwconv\1."),
        (r"^head\.norm\.", "norm."),
        (r"^head\.fc\.", "head."),
    )
    official = {}
    for name, tensor in own.items():
        for pattern, to in back:
            name = re.sub(pattern, to, name)
        official[name] = tensor
    torch.save({"model": official}, tmp_path / "w.pth")
    tensors, _ = weights.fit(weights.read(tmp_path / "w.pth"), "test_convnext")
    assert all(torch.equal(tensors[name], own[name]) for name in tensors if name != "stem.0.weight")


def test_counters_that_old_files_lack_begin_at_zero(donor, tmp_path):
    old = {name: tensor for name, tensor in donor.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file(old, tmp_path / "w.bin")
    tensors, said = weights.fit(weights.read(tmp_path / "w.bin"), "test_resnet")
    assert tensors["bn1.num_batches_tracked"] == 0 and any("sets 15 num_batches_tracked" in line for line in said)


class AttributeDict(dict):
    """As Lightning keeps a module's settings."""


class Callback:
    def __init__(self):
        self.best = 0.5


@pytest.mark.parametrize("zipped", [True, False])
def test_a_trainers_own_classes_are_stepped_over(donor, tmp_path, zipped):
    content = {
        "hyper_parameters": AttributeDict(batch=64),
        "args": argparse.Namespace(lr=0.1),
        "callbacks": {Callback: {"best": 1}},
        "callback": Callback(),
        "state_dict": OrderedDict(donor.state_dict()),
    }
    torch.save(content, tmp_path / "w.ckpt", _use_new_zipfile_serialization=zipped)
    known = set(torch.serialization.get_safe_globals())
    read = weights.read(tmp_path / "w.ckpt")
    assert weights.fitting(read) == ["test_resnet"]
    assert "argparse.Namespace" in read.notes[0] and "AttributeDict" in read.notes[0]
    assert set(torch.serialization.get_safe_globals()) == known, "what stood in must be forgotten"


def spring(*anything):
    pytest.fail("a user's file was unpickled")


class Trap:
    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        return (self.how, ("exit 3",))


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_is_run(donor, tmp_path, zipped):
    path = tmp_path / "w.ckpt"
    traps = {"trap": Trap(spring), "eval": Trap(eval), "state_dict": donor.state_dict()}
    torch.save(traps, path, _use_new_zipfile_serialization=zipped)
    assert weights.fitting(weights.read(path)) == ["test_resnet"]
    for refused in (traps | {"system": Trap(os.system)}, {"trap": Trap(spring)}):
        torch.save(refused, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match="not a weights file"):
            weights.read(path)
    assert untrusted_checkpoints.Inert("rm", cwd="/") == {}


@pytest.mark.parametrize("kind", ["absent", "text", "empty", "list", "numbers", "head"])
def test_what_holds_no_encoder_is_refused(tmp_path, kind):
    path = tmp_path / f"{kind}.pt"
    if kind == "text":
        path.write_text("file,label\n")
    elif kind == "empty":
        path.touch()
    elif kind != "absent":
        torch.save({"list": [1], "numbers": {"a": 1}, "head": other("fc.weight")}[kind], path)
    with pytest.raises(ValueError, match=f"{path.name}: (not a|there is no such) weights file") as refused:
        weights.load(path, "test_resnet")
    assert "\n" not in str(refused.value)


def test_a_file_of_another_backbone_says_which(donor, tmp_path):
    torch.save(FORMATS["BYOL"](donor.state_dict()), tmp_path / "w.ckpt")
    with pytest.raises(
        ValueError, match=r"w\.ckpt: does not fit test_convnext: the file lacks .*BYOL.* backbone test_resnet$"
    ):
        weights.load(tmp_path / "w.ckpt", "test_convnext")


def test_what_no_rule_drops_is_refused(donor, tmp_path):
    torch.save(prefixed("encoder_q.", donor.state_dict()) | other("surprise.weight"), tmp_path / "w.ckpt")
    with pytest.raises(ValueError, match=r"has in excess 'surprise\.weight' \(read as MoCo"):
        weights.load(tmp_path / "w.ckpt", "test_resnet")


def test_layouts_that_are_not_read_are_refused_with_the_way_out(donor, tmp_path):
    torch.save(other("features.0.0.weight", "features.1.0.block.0.0.weight"), tmp_path / "w.pth")
    with pytest.raises(ValueError, match="torchvision's EfficientNet.*give timm's own"):
        weights.load(tmp_path / "w.pth", "test_efficientnet")
    torch.save(other("0.weight", "1.running_mean"), tmp_path / "w.pth")
    with pytest.raises(ValueError, match="numbered, not named"):
        weights.load(tmp_path / "w.pth", "test_resnet")


def test_a_stem_of_two_channels_is_refused(donor, tmp_path):
    own = donor.state_dict()
    torch.save(own | {"conv1.0.weight": own["conv1.0.weight"][:, :2]}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"'conv1\.0\.weight' is \(16, 2, 3, 3\) in the file and not \(16, 1, 3, 3\)"):
        weights.load(tmp_path / "w.pth", "test_resnet")


def test_timm_is_asked_for_one_channel_and_no_head(monkeypatch):
    asked, real = [], timm.create_model

    def create(name, **given):
        asked.append((name, given))
        return real(name, **given | {"pretrained": False})

    monkeypatch.setattr(timm, "create_model", create)
    for source, name in (("timm:resnet18.tv_in1k", "resnet18.tv_in1k"), ("timm:", "resnet18")):
        module, said = weights.load(source, "resnet18")
        assert module.conv1.in_channels == 1 and name in said[0]
        assert asked[-1] == (name, {"pretrained": True, "in_chans": 1, "num_classes": 0})


def test_timm_names_that_cannot_be_are_refused_without_a_network():
    with pytest.raises(
        ValueError, match=r"timm:resnet50\.tv_in1k: is not of the backbone resnet18; write timm:resnet18"
    ):
        weights.load("timm:resnet50.tv_in1k", "resnet18")
    with pytest.raises(ValueError, match=r"timm:resnet18\.mine: timm has no such weights; its tags .* tv_in1k"):
        weights.load("timm:resnet18.mine", "resnet18")


def test_no_network_is_one_line(monkeypatch):
    real = timm.create_model

    def create(name, pretrained, **given):
        if pretrained:
            raise OSError("the Hub was not found\nand more")
        return real(name, pretrained=False, **given)

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(ConnectionError, match=r"timm:resnet18\.tv_in1k: .* \(the Hub was not found\); go on where"):
        weights.load("timm:resnet18.tv_in1k", "resnet18")


@pytest.mark.slow
def test_the_counts_by_which_candidates_are_passed_over_are_theirs():
    for backbone, count in weights.CANDIDATES.items():
        with torch.device("meta"):
            names = backbones.build(backbone).state_dict()
        assert sum(name.endswith(".weight") for name in names) == count, backbone
