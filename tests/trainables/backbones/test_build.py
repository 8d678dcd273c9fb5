"""Encoders leave and come back under timm's names, and what does not fit is refused in one line."""

import json

import pytest
import timm
import torch
from safetensors import safe_open

from trainables import backbones


def test_a_backbone_takes_one_channel_and_gives_features():
    assert backbones.build("resnet18").eval()(torch.rand(2, 1, 64, 64)).shape == (2, 512)


def test_an_unknown_backbone_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="no network called 'resnet81'; did you mean 'resnet"):
        backbones.build("resnet81")


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_weights_come_back_to_the_bit(tmp_path, suffix):
    first, second, path = backbones.build("resnet18"), backbones.build("resnet18"), tmp_path / f"weights.{suffix}"
    if suffix == "pt":
        torch.save(first.state_dict(), path)
    else:
        backbones.save(first, path, {"method": "spark", "step": 3})
        with safe_open(path, "pt") as file:
            assert json.loads(file.metadata()["labelcurve"]) == {"method": "spark", "step": 3}
    backbones.load(second, path)
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())
    backbones.check_weights(path, "resnet18")


def test_equal_weights_make_equal_files(tmp_path):
    module, meta = backbones.build("resnet18"), {name: name for name in "abcdefgh"}
    files = []
    for number in range(4):
        backbones.save(module, tmp_path / f"{number}.safetensors", meta)
        files.append((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(set(files)) == 1


def test_saved_names_are_those_of_timm(tmp_path):
    backbones.save(backbones.build("resnet18"), tmp_path / "w.safetensors", {})
    plain = timm.create_model("resnet18", in_chans=1, num_classes=0)
    with safe_open(tmp_path / "w.safetensors", "pt") as file:
        assert set(file.keys()) == set(plain.state_dict())


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    path = tmp_path / "w.safetensors"
    backbones.save(backbones.build("resnet18"), path, {})
    with pytest.raises(ValueError, match=r"w\.safetensors: .* lacks 'layer1\.0\.conv3\.weight'.* and \d+ more"):
        backbones.check_weights(path, "resnet50")


def test_a_wrong_shape_is_refused_with_both_shapes(tmp_path):
    path = tmp_path / "w.safetensors"
    backbones.save(timm.create_model("resnet18", num_classes=0), path, {})
    with pytest.raises(ValueError, match=r"'conv1\.weight' is \(64, 3, 7, 7\) in the file and \(64, 1, 7, 7\)"):
        backbones.check_weights(path, "resnet18")


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a user's file was unpickled",))


@pytest.mark.parametrize("kind", ["absent", "text", "empty", "trap", "list", "text.safetensors", "numbers"])
def test_what_is_no_weights_file_is_refused(tmp_path, kind):
    path = tmp_path / (kind if "." in kind else f"{kind}.pt")
    if kind.startswith("text"):
        path.write_text("file,label\n")
    elif kind == "empty":
        path.touch()
    elif kind != "absent":
        torch.save({"trap": Trap(), "list": [1], "numbers": {"a": 1}}[kind], path)
    with pytest.raises(ValueError, match=f"{path.name}: (not a|there is no such) weights file") as refused:
        backbones.check_weights(path, "resnet18")
    assert "\n" not in str(refused.value)
