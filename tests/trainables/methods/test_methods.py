"""What every method promises; a new file in trainables/methods is taken up by itself."""

import pytest
import torch

from tests.trainables.small_methods import make
from trainables import backbones, methods
from trainables.finetuning import encoder_features
from trainables.optimization.schedules import Moment
from trainables.pretraining import collapse, probes

SIZE, BATCH = 64, 4
HALFWAY = Moment(50, 100)
SLOW = ["resnet18", "resnet50", "convnext_tiny", "efficientnet_b0"]
ALL = methods.names()


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def drawn(method, seed=1, count=BATCH):
    generator = torch.Generator().manual_seed(seed)
    return method.views(torch.rand(count, 1, 80, 96, generator=generator), generator)


def gradients(method, views, at=HALFWAY):
    method.zero_grad()
    loss = method(views, at).loss
    loss.backward()
    return loss.detach(), {name: p.grad.clone() for name, p in method.named_parameters() if p.grad is not None}


def steps(method, count):
    optimizer = method.optimizer()
    for number in range(count):
        output = method(drawn(method, seed=number), HALFWAY)
        optimizer.zero_grad()
        output.loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        optimizer.step()
        method.after_step(HALFWAY)
    return output


def plain_tensors(module):
    """Where a module holds tensors as plain attributes, which do not move with it."""
    for name, each in module.named_modules():
        for attribute, value in vars(each).items():
            several = [*value.values()] if isinstance(value, dict) else value
            inside = several if isinstance(several, list | tuple) else [several]
            registered = attribute in ("_parameters", "_buffers", "_modules")
            if not registered and any(isinstance(one, torch.Tensor) for one in inside):
                yield f"{name}.{attribute}".lstrip(".")


@pytest.mark.parametrize("name", ALL)
def test_all_of_a_method_moves_with_it(name):
    method = make(name)
    assert [*plain_tensors(method)] == []
    steps(method, 1)
    assert [*plain_tensors(method)] == []
    assert {tensor.device.type for tensor in (*method.to("meta").parameters(), *method.buffers())} == {"meta"}


@pytest.mark.parametrize("name", ALL)
def test_a_few_steps_reach_every_weight_and_say_what_they_did(name):
    method = make(name)
    before = {key: value.clone() for key, value in method.encoder.named_parameters() if value.ndim > 1}
    output = steps(method, 2)  # a queue is empty at first
    assert output.loss.ndim == 0 and output.loss.isfinite() and output.views >= 1
    assert output.trivial is None or output.trivial > 0
    assert output.embedding.shape[0] == BATCH and not output.embedding.requires_grad
    parameters = dict(method.encoder.named_parameters())
    assert all(value.grad.any() for value in parameters.values())
    assert not any(torch.equal(before[key], parameters[key]) for key in before)


@pytest.mark.parametrize(
    "backbone", ["test_convnext", "test_efficientnet", *(pytest.param(b, marks=pytest.mark.slow) for b in SLOW)]
)
@pytest.mark.parametrize("name", ALL)
def test_every_method_trains_every_kind_of_network_and_exports_it_whole(name, backbone, tmp_path):
    method, plain = make(name, backbone=backbone), backbones.build(backbone)
    output = steps(method, 1)
    assert output.loss.isfinite() and output.embedding.isfinite().all()
    backbones.save(method.encoder, tmp_path / "encoder.safetensors", {})
    backbones.load(plain, tmp_path / "encoder.safetensors")
    images = torch.rand(2, 1, SIZE, SIZE)
    assert torch.equal(plain.eval()(images), method.eval().encoder(images))


@pytest.mark.parametrize("name", ALL)
def test_all_that_is_random_lies_in_the_views(name):
    method = make(name)
    views, again = drawn(method), drawn(method)
    assert len(views) == len(again) and all(torch.equal(a, b) for a, b in zip(views, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(views, drawn(method, seed=2), strict=True))
    steps(method, 2)
    torch.manual_seed(1)
    loss, first = gradients(method, views)
    torch.manual_seed(2)
    same, second = gradients(method, views)
    assert torch.equal(loss, same) and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", ALL)
def test_views_hold_each_image_once_and_are_no_larger_than_asked(name):
    method = make(name)
    for view in drawn(method, count=3):
        assert len(view) == 3
        if view.ndim == 4 and view.is_floating_point():
            assert view.shape[1] == 1 and view.shape[2] == view.shape[3] <= SIZE
            assert 0 <= view.min() and view.max() <= 1


def after_parts(name, parts, **settings):
    """The method after one step whose batch came in these parts."""
    method = make(name, **settings)
    for part in parts:
        method(part, HALFWAY)
    method.after_step(HALFWAY)
    return method


@pytest.mark.parametrize("name", ["moco_v2", "swav"])
def test_the_queue_takes_all_parts_of_a_step_in_order(name):
    parts = [drawn(make(name), seed=seed) for seed in (3, 4)]
    both, first = (after_parts(name, some, queue=4 * BATCH) for some in (parts, parts[:1]))
    assert int(both.filled) == 2 * BATCH and int(first.filled) == BATCH
    held, expected = (m.queue if name == "moco_v2" else m.queue[0] for m in (both, first))
    assert torch.equal(held[:BATCH], expected[:BATCH])
    torch.testing.assert_close(held[: 2 * BATCH].norm(dim=1), torch.ones(2 * BATCH))
    assert not held[2 * BATCH :].any()


def test_the_centre_takes_the_mean_over_all_parts_of_a_step():
    parts = [drawn(make("dino"), seed=seed) for seed in (3, 4)]
    both, *each = (after_parts("dino", some).center for some in (parts, parts[:1], parts[1:]))
    torch.testing.assert_close(both, (each[0] + each[1]) / 2)
    assert not torch.equal(*each)


@pytest.mark.parametrize("name", ALL)
def test_a_probe_leaves_the_encoder_to_the_bit(name):
    method = make(name)
    steps(method, 1)
    before, flags = encoder_features.state_hash(method), [layer.training for layer in method.modules()]
    images, cpu = torch.rand(5, 1, SIZE, SIZE), torch.device("cpu")
    with probes.untouched(method.encoder, cpu):
        features = encoder_features.embed(method.encoder, images, cpu)
    assert features.shape == (5, method.encoder.num_features)
    assert encoder_features.state_hash(method) == before and [layer.training for layer in method.modules()] == flags


CORNERS = {
    "barlow_twins": {0.01: {"lr": 0.2}, 1: {"lr": 0.0002}},
    "byol": {0: {"momentum": 0.996}, 0.01: {"lr": 0.004}, 1: {"lr": 0, "momentum": 1}},
    "dino": {
        0: {"momentum": 0.996, "teacher_temperature": 0.04},
        0.0125: {"lr": 0.03},
        0.0625: {"teacher_temperature": 0.07},
        1: {"lr": 1e-6, "momentum": 1, "teacher_temperature": 0.07},
    },
    "disruptive_autoencoder": {0.05: {"lr": 1e-3}, 1: {"lr": 0, "weight_decay": 0.05}},
    "distortion_prediction": {0.02: {"lr": 0.0133}, 1: {"lr": 0}},
    "moco_v2": {0: {"lr": 0.03, "weight_decay": 1e-4}, 0.5: {"lr": 0.015}, 1: {"lr": 0}},
    "simclr": {0.01: {"lr": 0.3}, 1: {"lr": 0}},
    "spark": {0: {"weight_decay": 0.04, "lr": 1e-6}, 0.025: {"lr": 2e-4}, 1: {"weight_decay": 0.2, "lr": 2e-7}},
    "swav": {0.0125: {"lr": 0.3}, 1: {"lr": 0.0003}},
    "vicreg": {0.01: {"lr": 0.2}, 1: {"lr": 0.002}},
}
"""Published values at a batch of 256, by progress; a rate after warm-up is the highest of all."""

STEPS = 10_000_000


@pytest.mark.parametrize("name", ALL)
def test_schedules_have_their_publications_corners(name):
    method = make(name, batch=256)
    for progress, values in CORNERS[name].items():
        found = method.schedule(Moment(min(int(progress * STEPS), STEPS - 1), STEPS))
        for key, value in values.items():
            assert found[key] == pytest.approx(value, rel=1e-3, abs=1e-8), (progress, key)
    warmed = max(p for p, values in CORNERS[name].items() if p < 0.5 and "lr" in values)
    rates = [method.schedule(Moment(step, STEPS))["lr"] for step in range(0, STEPS, STEPS // 500)]
    assert max(rates) <= CORNERS[name][warmed]["lr"] * (1 + 1e-9)
    falling = rates[int(warmed * 500) + 1 :]
    assert falling == sorted(falling, reverse=True)


def test_rates_scale_with_the_batch():
    for name in ALL:
        small, large = (make(name, batch=batch).schedule(HALFWAY)["lr"] for batch in (64, 256))
        assert large == pytest.approx(4 * small, rel=1e-6), name


def test_swav_freezes_its_prototypes_for_so_many_steps_whatever_the_budget():
    for steps_in_all in (10, 1000):
        method = make("swav", freeze_prototypes=3)
        frozen = [bool(list(method.frozen(Moment(step, steps_in_all)))) for step in range(5)]
        assert frozen == [True, True, True, False, False]
    assert next(iter(method.frozen(Moment(0, 9)))) is method.prototypes.weight


def test_dino_freezes_its_last_layer_for_a_share_of_the_budget():
    method = make("dino", freeze_last=0.25)
    assert [bool(list(method.frozen(Moment(step, 8)))) for step in range(8)] == [True] * 2 + [False] * 6


def test_a_method_is_a_file_whatever_else_it_holds(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from pydantic import Field\n"
        "from trainables.methods import register\n"
        "from trainables.methods.base import Method\n"
        "from trainables.methods.settings import Common\n"
        "LEAST = 3\n"
        "def helper(): return LEAST\n"
        "class Settings(Common):\n    width: int = Field(LEAST, ge=LEAST)\n"
        "@register\nclass Mine(Method):\n    pass\n"
    )
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    assert "mine" in methods.names() and methods.get("mine").__name__ == "Mine"
    assert methods.validate_settings("mine", {})["width"] == 3
    with pytest.raises(ValueError, match="pretraining.methods.mine.width"):
        methods.validate_settings("mine", {"width": 2})


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
        ("sparc", {}, "pretraining.methods: unknown method 'sparc'; did you mean 'spark'"),
        (
            "spark",
            {"mask_ration": 0.5},
            "methods.spark.mask_ration: unknown setting; did you mean 'mask_ratio'",
        ),
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
    assert collapse.spread(even) == pytest.approx(1, abs=0.02)
    assert collapse.effective_rank(even) == pytest.approx(16, abs=0.1)
    one = torch.ones(32, 16)
    assert collapse.spread(one) == pytest.approx(0, abs=1e-6)
    assert collapse.effective_rank(one) == pytest.approx(1, abs=1e-5)
    plane = even[:, :3] @ torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    assert collapse.effective_rank(plane) <= 3 + 1e-6
