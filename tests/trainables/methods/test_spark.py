"""SparK against plain references, in float64 and with random norms; its packed form against its dense one."""

import copy

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from trainables import backbones
from trainables.methods import spark
from trainables.methods.sparse import encoder as sparse_encoder
from trainables.methods.sparse.plan import Plan, spread_mask, visible
from trainables.optimization.schedules import Moment


def method(name="resnet18", size=96, **settings):
    torch.manual_seed(0)
    made = spark.SparK(backbones.build(name), spark.Settings(decoder_width=32, **settings), image_size=size, batch=4)
    return randomised(made).double().train()


def randomised(network):
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):  # timm zeroes the last norm of a block, which would hide the block
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    return network


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


def tiles(maps, mask):
    """(B, C, H, W) -> (T, C, p, p): the visible patches, cut out one by one."""
    p = maps.shape[2] // mask.shape[2]
    return torch.stack([maps[b, :, r * p : r * p + p, c * p : c * p + p] for b, _, r, c in mask.nonzero().tolist()])


def encode(made, images, mask):
    return made.sparse(made.backbone, images, Plan(mask))


@pytest.mark.parametrize("form", ["packed", "dense"])
def test_encoder_its_gradients_and_its_norms_equal_the_loop_reference(form):
    made, images = method(size=64, form=form), batch(64)
    plain = timm.create_model("resnet18", in_chans=1, num_classes=0).double().train()
    plain.load_state_dict(made.backbone.state_dict())
    mask = made.mask(3, torch.Generator().manual_seed(2))
    mine, theirs = encode(made, images, mask), [tiles(maps, mask) for maps in loop_encode(plain, images, mask)]
    for maps in (mine, theirs):
        sum(m.pow(3).mean() for m in maps).backward()
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)
    for (name, a), b in zip(made.backbone.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-10, rtol=1e-9, msg=name)
    rows = tiles(loop_hide(functional.conv2d(loop_hide(images, mask), plain.conv1.weight, None, 2, 3), mask), mask)
    values = rows.transpose(0, 1).flatten(1)
    torch.testing.assert_close(made.backbone.bn1.running_mean, 0.1 * values.mean(1))
    torch.testing.assert_close(made.backbone.bn1.running_var, 0.9 + 0.1 * values.var(1))


def outcome(name, form, dtype, mask, images):
    """Maps, gradients and buffers of one pass with a loss in which every position counts differently."""
    torch.manual_seed(0)
    network = randomised(backbones.build(name)).train()
    encoder = sparse_encoder.SparseEncoder(network, form)
    network = network.to(dtype)
    maps = encoder(network, images.to(dtype), Plan(mask))
    generator = torch.Generator().manual_seed(3)
    weights = [torch.randn(m.shape, generator=generator, dtype=torch.float64).to(dtype) for m in maps]
    sum((m * weight).mean() for m, weight in zip(maps, weights, strict=True)).backward()
    return [
        {str(number): m.detach().double() for number, m in enumerate(maps)},
        {key: p.grad.double() for key, p in network.named_parameters() if p.grad is not None},
        {key: value.double() for key, value in network.named_buffers()},
    ]


def furthest(one, other):
    assert [part.keys() for part in one] == [part.keys() for part in other]
    pairs = zip(one, other, strict=True)
    return [max([(a[key] - b[key]).abs().max().item() for key in a], default=0.0) for a, b in pairs]


REAL = ["resnet18", "resnet50", "convnext_tiny", "efficientnet_b0"]


@pytest.mark.parametrize(
    "name",
    ["test_resnet", "test_convnext", "test_efficientnet", *(pytest.param(n, marks=pytest.mark.slow) for n in REAL)],
)
def test_packed_and_dense_forms_agree(name):
    images, mask = batch(), spark_mask(3, 3, 4)
    exact = outcome(name, "dense", torch.float64, mask, images)
    apart = furthest(outcome(name, "packed", torch.float64, mask, images), exact)
    rounded = {form: furthest(outcome(name, form, torch.float32, mask, images), exact) for form in ("packed", "dense")}
    for what, numbers in ({"packed against dense in float64": apart} | rounded).items():
        print(name, what, "maps {:.1e}, gradients {:.1e}, buffers {:.1e}".format(*numbers))
    assert max(apart) < 1e-9
    assert max(rounded["packed"]) < 0.1


def spark_mask(count, side, kept):
    order = torch.rand(count, side**2, generator=torch.Generator().manual_seed(1)).argsort(1)
    return (order < kept).view(count, 1, side, side)


def test_whole_steps_agree_in_both_forms():
    views = (batch(), spark_mask(3, 3, 4))
    losses, gradients = [], []
    for form in ("packed", "dense"):
        made = method("test_resnet", form=form)
        loss = made(views, Moment(0, 10)).loss
        loss.backward()
        losses.append(loss)
        gradients.append({name: p.grad for name, p in made.named_parameters()})
    torch.testing.assert_close(*losses, atol=1e-12, rtol=0)
    torch.testing.assert_close(*gradients, atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("form", ["packed", "dense"])
@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_hidden_pixels_reach_neither_features_nor_norms(name, form):
    images, mask = batch(64), spark_mask(3, 2, 2)
    other = torch.where(spread_mask(mask, 64), images, torch.rand_like(images) * 9)
    made, again = (method(name, size=64, form=form) for _ in range(2))
    for a, b in zip(encode(made, images, mask), encode(again, other, mask), strict=True):
        assert torch.equal(a, b)
    assert all(torch.equal(a, b) for a, b in zip(made.backbone.buffers(), again.backbone.buffers(), strict=True))


@pytest.mark.parametrize("form", ["packed", "dense"])
def test_everything_visible_is_the_plain_network(form):
    made, images = method(form=form), batch()
    plain = timm.create_model("resnet18", in_chans=1, num_classes=0).double().train()
    plain.load_state_dict(made.backbone.state_dict())
    maps = plain.forward_intermediates(images, indices=[1, 2, 3, 4], intermediates_only=True)
    everything = torch.ones(3, 1, 3, 3, dtype=torch.bool)
    for a, b in zip(encode(made, images, everything), maps[::-1], strict=True):
        torch.testing.assert_close(a, tiles(b, everything))


def test_the_mask_ends_with_its_context():
    made, images = method().eval(), batch()
    before = made.backbone(images)
    with pytest.raises(RuntimeError, match="stop"), visible(Plan(made.mask(3, torch.Generator()))):
        raise RuntimeError("stop")
    assert torch.equal(made.backbone(images), before)


def test_a_head_that_maps_do_not_need_stays_as_it_came():
    made = method("test_convnext", size=64)
    unused = {name for name, p in made.backbone.named_parameters() if not p.requires_grad}
    assert unused == {"head.norm.weight", "head.norm.bias"}
    made((batch(64), spark_mask(3, 2, 2)), Moment(0, 10)).loss.backward()
    trained = {id(p) for group in made.optimizer().param_groups for p in group["params"]}
    assert all((p.grad is None) == (id(p) not in trained) for p in made.parameters())


def test_the_picture_shows_what_is_seen_and_leaves_no_trace():
    made, images = method("test_resnet", size=64), batch(64)
    before, random = copy.deepcopy(made.state_dict()), torch.get_rng_state()
    drawn = made.picture(images, torch.Generator().manual_seed(0))
    assert drawn.shape == (3, 64, 192) and made.training
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(before[key], value) for key, value in made.state_dict().items())
    mask = spread_mask(made.mask(3, torch.Generator().manual_seed(0)), 64).squeeze(1)
    whole, seen, guessed = drawn.chunk(3, 2)
    torch.testing.assert_close(whole, images.squeeze(1))
    assert torch.equal(seen, whole * mask) and torch.equal(guessed[mask], whole[mask])
    assert (guessed[~mask] - whole[~mask]).abs().mean() > 0.1


def test_the_guess_is_shown_on_the_scale_of_the_patch(monkeypatch):
    made, images = method("test_resnet", size=64), batch(64)
    monkeypatch.setattr(made.decoder, "forward", lambda maps, plan: torch.zeros(3, 1, 64, 64, dtype=torch.float64))
    guessed = made.picture(images, torch.Generator().manual_seed(0)).chunk(3, 2)[2]
    hidden = (~made.mask(3, torch.Generator().manual_seed(0))).nonzero()
    for b, _, r, c in hidden.tolist():
        area = (slice(32 * r, 32 * r + 32), slice(32 * c, 32 * c + 32))
        torch.testing.assert_close(guessed[b][area], images[b, 0][area].mean().expand(32, 32))


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
        method("ecaresnet26t")


def test_schedule_follows_the_publication():
    made = spark.SparK(backbones.build("resnet18"), spark.Settings(decoder_width=32), image_size=64, batch=32)
    assert made.schedule(Moment(2500, 100_000))["lr"] == pytest.approx(2e-4 * 32 / 256)
    assert made.schedule(Moment(0, 100_000))["weight_decay"] == pytest.approx(0.04)
    assert made.schedule(Moment(99_999, 100_000))["weight_decay"] == pytest.approx(0.2)
    optimizer = made.optimizer()
    assert optimizer.defaults["betas"] == (0.9, 0.95) and made.clip_norm == 5
    spared = {id(p) for group in optimizer.param_groups if not group["decay"] for p in group["params"]}
    assert len(made.decoder.embeddings) == 4 and all(id(p) in spared for p in made.decoder.embeddings)


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
