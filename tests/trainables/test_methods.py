"""What every method promises; a new file in trainables/methods is taken up by itself."""

import subprocess
import sys

import pytest
import torch

from trainables import backbones, methods, monitor
from trainables.schedules import Moment

SIZE, BATCH = 64, 4


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def make(name, seed=0):
    torch.manual_seed(seed)
    settings = methods.settings_class(name)()
    return methods.get(name)(backbones.build("resnet18"), settings, image_size=SIZE, batch=BATCH)


HALFWAY = Moment(50, 100)


def step(method):
    generator = torch.Generator().manual_seed(1)
    return method(method.views(torch.rand(BATCH, 1, 96, 96, generator=generator), generator), HALFWAY)


@pytest.mark.parametrize("name", methods.names())
def test_a_few_steps_reach_every_weight_and_say_what_they_did(name):
    method = make(name).train()
    before = {key: value.clone() for key, value in method.encoder.named_parameters() if value.ndim > 1}
    optimizer = method.optimizer()
    for _ in range(3):  # a queue is empty at first, and timm's zeroed norms hide their blocks until they have moved
        output = step(method)
        optimizer.zero_grad()
        output.loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        optimizer.step()
        method.after_step(HALFWAY)
    assert output.loss.ndim == 0 and output.loss.isfinite() and output.views >= 1
    assert output.trivial is None or output.trivial > 0
    assert output.embedding.shape[0] == BATCH and not output.embedding.requires_grad
    parameters = dict(method.encoder.named_parameters())
    assert all(value.grad.any() for value in parameters.values())
    assert not any(torch.equal(before[key], parameters[key]) for key in before)


@pytest.mark.parametrize("name", methods.names())
def test_views_have_the_size_asked_for(name):
    method = make(name)
    for view in method.views(torch.rand(3, 1, 96, 96), torch.Generator().manual_seed(0)):
        assert len(view) == 3
        assert not (view.ndim == 4 and view.is_floating_point()) or (view.shape[1] == 1 and view.shape[2] <= SIZE)


@pytest.mark.parametrize("name", methods.names())
def test_schedules_are_finite_and_end_low(name):
    method = make(name)
    corners = [method.schedule(Moment(step, 1000)) for step in (0, 250, 500, 999)]
    assert all(corner["lr"] >= 0 and corner["weight_decay"] >= 0 for corner in corners)
    assert corners[-1]["lr"] < 0.01 * max(corner["lr"] for corner in corners)
    assert method.schedule(Moment(250, 1000)) == corners[1]


@pytest.mark.parametrize("name", methods.names())
def test_the_encoder_goes_out_and_comes_back_strictly(name, tmp_path):
    method, plain = make(name), backbones.build("resnet18")
    backbones.save(method.encoder, tmp_path / "encoder.safetensors", {})
    backbones.load(plain, tmp_path / "encoder.safetensors")
    images = torch.rand(2, 1, SIZE, SIZE)
    assert torch.equal(plain.eval()(images), method.eval().encoder(images))


@pytest.mark.parametrize("name", methods.names())
def test_settings_read_from_source_equal_those_of_the_module(name):
    imported = sys.modules[methods.get(name).__module__].Settings
    assert methods.settings_class(name).model_json_schema() == imported.model_json_schema()
    assert methods.validate_settings(name, {}) == imported().model_dump(mode="json")


def test_settings_are_checked_without_torch():
    code = (
        "import sys; from trainables import methods\n"
        "for name in methods.names(): methods.validate_settings(name, {})\n"
        "assert methods.names() and 'torch' not in sys.modules and 'timm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_come_back_whole_and_plain():
    resolved = methods.validate_settings(
        "spark", {"decoder_width": 128, "base_lr": "2e-3", "view": {"crop_scale": [0.5, 1]}}
    )
    assert (resolved["decoder_width"], resolved["base_lr"]) == (128, 0.002)
    assert resolved["view"]["crop_scale"] == [0.5, 1.0] and resolved["view"]["horizontal_flip"] == 0.5
    assert resolved["mask_ratio"] == 0.6


@pytest.mark.parametrize(
    "name, settings, line",
    [
        ("sparc", {}, "pretraining.methods: unknown method 'sparc'; the nearest name is 'spark'"),
        ("spark", {"mask_ration": 0.5}, "pretraining.methods.spark.mask_ration: unknown setting; .* is 'mask_ratio'"),
        ("spark", {"mask_ratio": 1}, "pretraining.methods.spark.mask_ratio: input should be less than 1, but it is 1"),
        ("moco_v2", {"queue": "long"}, "pretraining.methods.moco_v2.queue: input should be a valid integer.*'long'"),
        (
            "moco_v2",
            {"view": {"crop_scale": [1, 0.2]}},
            "pretraining.methods.moco_v2.view.crop_scale: .*the smaller one first",
        ),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(name, settings, line):
    with pytest.raises(ValueError, match=line) as refused:
        methods.validate_settings(name, settings)
    assert "\n" not in str(refused.value)


def test_spread_and_rank_tell_collapse_from_even_embeddings():
    even = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    assert monitor.spread(even) == pytest.approx(1, abs=0.02)
    assert monitor.effective_rank(even) == pytest.approx(16, abs=0.1)
    one = torch.ones(32, 16)
    assert monitor.spread(one) == pytest.approx(0, abs=1e-6)
    assert monitor.effective_rank(one) == pytest.approx(1, abs=1e-5)
    plane = even[:, :3] @ torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    assert monitor.effective_rank(plane) <= 3 + 1e-6
