"""SparK against plain references, in float64 and with random norms."""

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from trainables import backbones
from trainables.methods import _sparse, spark
from trainables.schedules import Moment


def method(name="resnet18", size=96, **settings):
    torch.manual_seed(0)
    made = spark.SparK(backbones.build(name), spark.Settings(decoder_width=32, **settings), image_size=size, batch=4)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):  # timm zeroes the last norm of a block, which would hide the block
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    return made.double().train()


def batch(size=96, count=3):
    return torch.rand(count, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def loop_batch_norm(x, layer, mask):
    """Mean and variance collected position by position over visible patches."""
    times = x.shape[2] // mask.shape[2]
    places = [
        (b, r, c)
        for b in range(x.shape[0])
        for r in range(x.shape[2])
        for c in range(x.shape[3])
        if mask[b, 0, r // times, c // times]
    ]
    values = torch.stack([x[b, :, r, c] for b, r, c in places])
    mean, variance = values.mean(0), values.var(0, unbiased=False)
    scaled = (values - mean) / torch.sqrt(variance + layer.eps) * layer.weight + layer.bias
    b, r, c = (torch.tensor(axis) for axis in zip(*places, strict=True))
    return torch.zeros_like(x).index_put((b[:, None], torch.arange(x.shape[1]), r[:, None], c[:, None]), scaled)


def loop_hide(x, mask):
    """Patch by patch and image by image, hidden ones replaced by zeros."""
    times = x.shape[2] // mask.shape[2]
    rows = []
    for b in range(x.shape[0]):
        lines = []
        for r in range(mask.shape[2]):
            patches = [x[b, :, r * times : (r + 1) * times, c * times : (c + 1) * times] for c in range(mask.shape[3])]
            kept = [p if mask[b, 0, r, c] else torch.zeros_like(p) for c, p in enumerate(patches)]
            lines.append(torch.cat(kept, 2))
        rows.append(torch.cat(lines, 1))
    return torch.stack(rows)


def loop_encode(net, images, mask):
    """ResNet with basic blocks, written out."""

    def conv(x, layer):
        return loop_hide(functional.conv2d(x, layer.weight, None, layer.stride, layer.padding), mask)

    x = functional.relu(loop_batch_norm(conv(loop_hide(images, mask), net.conv1), net.bn1, mask))
    x, maps = loop_hide(functional.max_pool2d(x, 3, 2, 1), mask), []
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        for block in stage:
            y = functional.relu(loop_batch_norm(conv(x, block.conv1), block.bn1, mask))
            y = loop_batch_norm(conv(y, block.conv2), block.bn2, mask)
            if block.downsample is not None:
                x = loop_batch_norm(conv(x, block.downsample[0]), block.downsample[1], mask)
            x = functional.relu(x + y)
        maps.append(x)
    return maps[::-1]


def test_encoder_and_its_gradients_equal_the_loop_reference():
    made, images = method(), batch()
    mask = made.mask(3, torch.Generator().manual_seed(2))
    mine = made.encode(images, mask)
    sum(m.square().mean() for m in mine).backward()
    gradients = {name: p.grad.clone() for name, p in made.backbone.named_parameters()}
    made.zero_grad()
    theirs = loop_encode(made.backbone, images, mask)
    sum(m.square().mean() for m in theirs).backward()
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)
    for name, parameter in made.backbone.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, atol=1e-10, rtol=1e-9)


def test_loss_equals_the_loop_over_hidden_patches():
    images, guess = batch(), torch.randn(3, 1, 96, 96, dtype=torch.float64)
    mask = method().mask(3, torch.Generator().manual_seed(2))
    terms, zeros = [], []
    for b in range(3):
        for r in range(3):
            for c in range(3):
                if not mask[b, 0, r, c]:
                    area = (b, 0, slice(32 * r, 32 * r + 32), slice(32 * c, 32 * c + 32))
                    pixels = images[area]
                    target = (pixels - pixels.mean()) / torch.sqrt(pixels.var() + 1e-6)
                    terms.append(((guess[area] - target) ** 2).mean())
                    zeros.append((target**2).mean())
    loss, trivial = spark.reconstruction_loss(images, guess, mask)
    torch.testing.assert_close(loss, torch.stack(terms).mean(), atol=1e-12, rtol=0)
    torch.testing.assert_close(trivial, torch.stack(zeros).mean(), atol=1e-12, rtol=0)


def test_predicting_the_mean_of_patches_with_texture_costs_one():
    mask = method().mask(3, torch.Generator().manual_seed(2))
    loss, trivial = spark.reconstruction_loss(batch(), torch.zeros_like(batch()), mask)
    assert loss == trivial and trivial == pytest.approx(1, abs=1e-2)
    assert spark.reconstruction_loss(torch.zeros_like(batch()), torch.zeros_like(batch()), mask)[1] == 0


@pytest.mark.parametrize("name", ["resnet18", "resnet50d"])
def test_hidden_pixels_reach_neither_features_nor_norms(name):
    made, images = method(name, size=64), batch(64)
    mask = made.mask(3, torch.Generator().manual_seed(2))
    other = torch.where(_sparse.spread_mask(mask, images.shape), images, torch.rand_like(images) * 9)
    first = made.encode(images, mask)
    buffers = [b.clone() for b in made.backbone.buffers()]
    fresh = method(name, size=64)
    for a, b in zip(first, fresh.encode(other, mask), strict=True):
        assert torch.equal(a, b) and not a[~_sparse.spread_mask(mask, a.shape).expand_as(a)].any()
    assert all(torch.equal(a, b) for a, b in zip(buffers, fresh.backbone.buffers(), strict=True))


def test_everything_visible_is_the_plain_network():
    made, images = method(), batch()
    plain = timm.create_model("resnet18", in_chans=1, num_classes=0).double().train()
    plain.load_state_dict(made.backbone.state_dict())
    maps = plain.forward_intermediates(images, indices=[1, 2, 3, 4], intermediates_only=True)
    for a, b in zip(made.encode(images, torch.ones(3, 1, 3, 3, dtype=torch.bool)), maps[::-1], strict=True):
        torch.testing.assert_close(a, b)


def test_the_mask_ends_with_its_context():
    made, images = method().eval(), batch()
    before = made.backbone(images)
    with pytest.raises(RuntimeError, match="stop"), _sparse.visible(made.mask(3, torch.Generator())):
        raise RuntimeError("stop")
    assert torch.equal(made.backbone(images), before)


@pytest.mark.parametrize("size, ratio, kept", [(224, 0.6, 20), (96, 0.6, 4), (64, 0.6, 2), (64, 0.99, 1), (64, 0.1, 3)])
def test_each_image_keeps_the_same_number_of_patches(size, ratio, kept):
    mask = method(size=size, mask_ratio=ratio).mask(50, torch.Generator().manual_seed(0))
    assert (mask.flatten(1).sum(1) == kept).all() and len(mask.flatten(1).unique(dim=0)) > 3


@pytest.mark.parametrize("size", [32, 48, 100])
def test_an_image_size_that_does_not_hold_patches_is_refused(size):
    with pytest.raises(ValueError, match=f"multiple of 32 and at least 64, but it is {size}"):
        method(size=size)


def test_a_backbone_that_would_leak_is_refused():
    with pytest.raises(ValueError, match=r"layer '.*' \(\w+\) of the backbone has no masked form"):
        method("convnext_atto")


def test_schedule_follows_the_publication():
    made = spark.SparK(backbones.build("resnet18"), spark.Settings(decoder_width=32), image_size=64, batch=32)
    assert made.schedule(Moment(2500, 100_000))["lr"] == pytest.approx(2e-4 * 32 / 256)
    assert made.schedule(Moment(0, 100_000))["weight_decay"] == pytest.approx(0.04)
    assert made.schedule(Moment(99_999, 100_000))["weight_decay"] == pytest.approx(0.2)
    optimizer = made.optimizer()
    assert optimizer.defaults["betas"] == (0.9, 0.95) and made.clip_norm == 5


def test_loss_falls_on_a_few_images():
    made = method(size=64).float()
    rows = torch.linspace(0, 20, 64)
    images = (0.5 + 0.5 * torch.sin(rows[:, None] + torch.arange(4).view(4, 1, 1, 1))).expand(4, 1, 64, 64)
    optimizer = torch.optim.Adam(made.parameters(), 2e-3)
    losses = []
    for number in range(25):
        mask = made.mask(len(images), torch.Generator().manual_seed(number % 3))
        output = made((images, mask), Moment(0, 25))
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        losses.append(output.loss.item() / output.trivial)
    assert losses[-1] < 0.95 * losses[0]
