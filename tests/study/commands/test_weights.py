"""`labelcurve weights` tells what a file holds, and writes it as studies read it: whole or not at all."""

import pytest
import timm
import torch
from safetensors.torch import load_file

from study.cli import main
from trainables import backbones


@pytest.fixture
def checkpoint(tmp_path):
    """A MoCo checkpoint of three channels, as Lightning writes it."""
    torch.manual_seed(0)
    own = timm.create_model("test_resnet", num_classes=3).state_dict()
    both = {f"{side}.{name}": tensor for side in ("encoder_q", "encoder_k") for name, tensor in own.items()}
    torch.save({"epoch": 9, "state_dict": both | {"queue": torch.zeros(2)}}, tmp_path / "moco.ckpt")
    return tmp_path / "moco.ckpt"


def test_inspect_prints_format_size_and_what_fits(checkpoint, capsys):
    assert main(["weights", "inspect", str(checkpoint), "--backbone", "test_resnet"]) == 0
    said = capsys.readouterr().out
    for words in (
        "MoCo (encoder_q.*)",
        "queue",
        "a stem of 3 channels",
        "fits: test_resnet",
        "sums conv1.0.weight over its 3",
    ):
        assert words in said
    own = timm.create_model("test_resnet", num_classes=0)
    assert f"{sum(tensor.numel() for tensor in own.parameters()):,} parameters" in said


def test_inspect_says_what_is_missing_for_a_backbone(checkpoint, capsys):
    assert main(["weights", "inspect", str(checkpoint), "--backbone", "resnet18"]) == 2
    said = capsys.readouterr()
    assert "fits: test_resnet" in said.out
    assert "does not fit resnet18: the file lacks 'conv1.weight'" in said.err and said.err.count("\n") == 1


def test_convert_writes_what_a_backbone_takes(checkpoint, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    assert main(["weights", "convert", str(checkpoint), str(out), "--backbone", "test_resnet"]) == 0
    backbones.check_weights(out, "test_resnet")
    given = torch.load(checkpoint, weights_only=True)["state_dict"]["encoder_q.conv1.0.weight"]
    torch.testing.assert_close(load_file(out)["conv1.0.weight"], given.sum(1, keepdim=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["moco.ckpt", "out.safetensors"]
    assert "drops" in capsys.readouterr().out


def test_convert_replaces_nothing_unasked_and_nothing_by_half(checkpoint, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"mine")
    command = ["weights", "convert", str(checkpoint), str(out), "--backbone"]
    assert main([*command, "test_resnet"]) == 2 and "--force" in capsys.readouterr().err
    assert main([*command, "test_convnext", "--force"]) == 2 and "does not fit" in capsys.readouterr().err
    assert out.read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 2
    assert main([*command, "test_resnet", "--force"]) == 0 and out.read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("file", "out", "backbone", "words"),
    [
        ("absent.pth", "out.safetensors", "test_resnet", "absent.pth: there is no such weights file"),
        ("moco.ckpt", "out.pth", "test_resnet", "ends in .safetensors"),
        ("moco.ckpt", "nowhere/out.safetensors", "test_resnet", "there is no folder"),
        ("moco.ckpt", "out.safetensors", "resnet81", "no network called 'resnet81'"),
    ],
)
def test_what_cannot_be_converted_is_one_line(checkpoint, tmp_path, capsys, file, out, backbone, words):
    command = ["weights", "convert", str(tmp_path / file), str(tmp_path / out), "--backbone", backbone]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_without_a_network_timms_weights_are_refused_and_nothing_is_written(monkeypatch, tmp_path, capsys):
    real = timm.create_model

    def create(name, pretrained, **given):
        if pretrained:
            raise OSError("no network")
        return real(name, pretrained=False, **given)

    monkeypatch.setattr(timm, "create_model", create)
    command = ["weights", "convert", "timm:resnet18.tv_in1k", str(tmp_path / "out.safetensors")]
    assert main([*command, "--backbone", "resnet18"]) == 5
    assert "timm:resnet18.tv_in1k" in capsys.readouterr().err and not list(tmp_path.iterdir())
