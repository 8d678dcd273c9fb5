"""MoCo v2 against plain loops, and the state it carries from step to step."""

import copy
import math

import pytest
import torch
from torch.nn import functional

from tests.trainables.small_methods import make
from trainables import backbones
from trainables.methods import moco_v2
from trainables.optimization.schedules import Moment

START = Moment(0, 1000)


def method(queue=12, batch=8, **settings):
    torch.manual_seed(0)
    made = moco_v2.Settings(queue=queue, dim=16, **{"bn_splits": 2} | settings)
    return moco_v2.MoCoV2(backbones.build("resnet18"), made, image_size=64, batch=batch).double().train()


def pair(count=8, seed=4):
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.rand(2, count, 1, 64, 64, dtype=torch.float64, generator=generator)
    return first, second


def forward(made, views, seed=0):
    order = torch.randperm(len(views[0]), generator=torch.Generator().manual_seed(seed))
    return made((*views, order), START)


def test_loss_equals_the_loop_over_samples():
    torch.manual_seed(1)
    unit = [functional.normalize(torch.randn(n, 16, dtype=torch.float64), dim=1) for n in (5, 5, 9)]
    queries, keys, negatives = unit
    terms = []
    for query, key in zip(queries, keys, strict=True):
        scores = [float(query @ key) / 0.2] + [float(query @ negative) / 0.2 for negative in negatives]
        terms.append(-math.log(math.exp(scores[0]) / sum(math.exp(score) for score in scores)))
    assert float(moco_v2.info_nce(queries, keys, negatives, 0.2)) == pytest.approx(sum(terms) / 5, abs=1e-12)


def test_keys_are_normalised_in_shuffled_parts_and_come_back_in_order():
    made, (_, images) = method(), pair()
    order = torch.randperm(8, generator=torch.Generator().manual_seed(7))
    keys = made._keys(images, order)
    expected = torch.zeros_like(keys)
    for part in (order[:4], order[4:]):
        embedded = functional.normalize(made.key_head(made.key_backbone(images[part])), dim=1)
        for place, row in zip(part, embedded, strict=True):
            expected[place] = row
    torch.testing.assert_close(keys, expected)
    torch.testing.assert_close(keys.norm(dim=1), torch.ones(8, dtype=torch.float64))
    assert not keys.requires_grad


def test_loss_gradients_and_queue_equal_the_loops_over_samples_and_keys():
    """Three steps of 8 keys through a queue of 12, which fills in the second and wraps around."""
    made = make("moco_v2", queue=12, batch=8, momentum=0.9, temperature=0.2).double()
    slow = [copy.deepcopy(network) for network in (made.key_backbone, made.key_head)]
    held: list[torch.Tensor] = []  # oldest first
    for step in range(3):
        first, second = pair(seed=step)
        order = torch.randperm(8, generator=torch.Generator().manual_seed(step))
        asked = [made.head(made.backbone(first[part])) for part in (slice(0, 4), slice(4, 8))]
        keys: dict[int, torch.Tensor] = {}
        with torch.no_grad():
            for part in (order[:4], order[4:]):
                keys |= dict(zip(part.tolist(), slow[1](slow[0](second[part])), strict=True))
        fresh = [keys[number] / keys[number].norm() for number in range(8)]
        terms = []
        for query, key in zip(torch.cat(asked), fresh, strict=True):
            scores = [(query / query.norm() @ other) / 0.2 for other in (key, *held)]
            terms.append(torch.log(sum(torch.exp(score) for score in scores)) - scores[0])
        loss, output = sum(terms) / 8, made((first, second, order), START)
        assert output.loss.item() == pytest.approx(loss.item(), abs=1e-9)
        assert output.trivial == pytest.approx(math.log(1 + len(held)))
        trained = [p for p in made.parameters() if p.requires_grad]
        mine, theirs = (torch.autograd.grad(each, trained) for each in (output.loss, loss))
        assert max((a - b).abs().max().item() for a, b in zip(mine, theirs, strict=True)) < 1e-9
        assert step == 0 or max(a.abs().max().item() for a in mine) > 1e-6
        with torch.no_grad():  # as if the optimizer had stepped, so that keys that follow tell themselves apart
            for parameter in trained:
                parameter.add_(0.01)
        made.after_step(START)
        for ours, network in zip((made.backbone, made.head), slow, strict=True):
            for old, new in zip(network.parameters(), ours.parameters(), strict=True):
                old.copy_(0.9 * old + 0.1 * new.detach())
        held = [*held, *fresh][-12:]
        assert int(made.filled) == len(held)
        oldest = int(made.pointer) if len(held) == 12 else 0
        for number, key in enumerate(held):
            torch.testing.assert_close(made.queue[(oldest + number) % 12], key, atol=1e-12, rtol=0)


def test_a_batch_larger_than_the_queue_leaves_its_last_keys():
    made = method(queue=3)
    forward(made, pair())
    fresh = made.fresh
    made.after_step(START)
    assert torch.equal(made.queue, fresh[-3:]) and int(made.filled) == 3


def test_the_key_encoder_follows_by_its_momentum_and_takes_no_gradient():
    made = method(momentum=0.9)
    forward(made, pair())
    before = copy.deepcopy(made.key_backbone)
    with torch.no_grad():
        for parameter in made.backbone.parameters():
            parameter.add_(1)
    made.after_step(START)
    for old, new, fast in zip(*(m.parameters() for m in (before, made.key_backbone, made.backbone)), strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * fast)
    trained = {id(p) for group in made.optimizer().param_groups for p in group["params"]}
    assert not trained & {id(p) for m in (made.key_backbone, made.key_head) for p in m.parameters()}


def test_an_encoder_that_gives_one_vector_costs_the_trivial_loss():
    made = method(queue=8)
    forward(made, pair())
    made.after_step(START)
    same = functional.normalize(torch.ones(8, 16, dtype=torch.float64), dim=1)
    made.queue.copy_(same)
    assert float(moco_v2.info_nce(same, same, made.queue, 0.07)) == pytest.approx(math.log(9))
    assert forward(made, pair()).trivial == pytest.approx(math.log(9))


def test_a_batch_that_the_splits_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="bn_splits: 3 does not divide the batch of 8"):
        forward(method(bn_splits=3), pair())


def test_schedule_scales_with_the_batch():
    made = method(batch=128)
    assert made.schedule(START)["lr"] == pytest.approx(0.015, rel=1e-5)
    assert made.schedule(Moment(999, 1000))["lr"] == pytest.approx(0, abs=1e-7)
    assert made.schedule(Moment(500, 1000))["weight_decay"] == 1e-4


def test_loss_falls_on_a_few_images():
    made = method(queue=16).float()
    images = torch.rand(8, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], 0.05, momentum=0.9)
    ratios = []
    for number in range(10):
        output = forward(made, (images, images.flip(-1)), seed=number)
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        made.after_step(START)
        ratios.append(output.loss.item() / output.trivial if output.trivial else None)
    assert ratios[-1] < 0.8 * ratios[2]
