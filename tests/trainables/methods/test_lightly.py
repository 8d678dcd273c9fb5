"""Losses and gradients of the methods that lightly has, too, against lightly: float64, batch norms with random weights.

Both sides share one backbone; heads are lightly's own modules with our weights. What lightly computes crop by crop is
asked of ours in the same way (`together: false`).
"""

import copy
import math

import pytest
import torch
from lightly import loss as losses
from lightly.models.modules import heads
from lightly.models.utils import update_momentum
from torch import nn

from trainables import backbones, methods
from trainables.methods._multi_crop import LARGE
from trainables.optimization.schedules import Moment

SIZE, BATCH = 64, 6
AT = Moment(30, 100)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def make(name, **settings):
    torch.manual_seed(0)
    parsed = methods.settings_class(name).model_validate(settings)
    method = methods.get(name)(backbones.build("test_resnet"), parsed, image_size=SIZE, batch=BATCH)
    for layer in method.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    return method.double().train()


def images(count=2, size=SIZE, seed=4):
    generator = torch.Generator().manual_seed(seed)
    return list(torch.rand(count, BATCH, 1, size, size, dtype=torch.float64, generator=generator))


def theirs(head, ours):
    """lightly's head with our weights, in our order."""
    mine, state = list(ours.state_dict().values()), head.state_dict()
    assert [a.shape for a in mine] == [b.shape for b in state.values()]
    head.load_state_dict(dict(zip(state, mine, strict=True)))
    return head.double().train()


def gradients(loss, *networks):
    parameters = [p for network in networks for p in network.parameters()]
    return torch.autograd.grad(loss, parameters)


def agree(ours, reference, our_gradients, reference_gradients):
    apart = max((a - b).abs().max().item() for a, b in zip(our_gradients, reference_gradients, strict=True))
    largest = max(gradient.abs().max().item() for gradient in our_gradients)
    print(f"loss {ours.item():.6f}, apart {abs(ours.item() - reference.item()):.1e}, gradients {apart:.1e}")
    assert largest > 1e-6, "there is something to compare"
    assert ours.item() == pytest.approx(reference.item(), abs=1e-9) and apart < 1e-9


def test_moco_with_its_queue():
    method = make("moco_v2", queue=10, dim=8, bn_splits=1, temperature=0.2)
    width = method.backbone.num_features
    head = theirs(heads.MoCoProjectionHead(width, width, 8), method.head)
    slow_backbone, slow_head = copy.deepcopy(method.key_backbone), copy.deepcopy(head)
    bank = losses.NTXentLoss(temperature=0.2, memory_bank_size=(10, 8)).double()
    for step in range(3):  # the queue fills in the second step and wraps around
        first, second = images(seed=step)
        mine = method((first, second, torch.randperm(BATCH)), AT)
        with torch.no_grad():
            keys = slow_head(slow_backbone(second))
        if int(method.filled) == 10:
            queue = method.queue.roll(-int(method.pointer), 0)
            bank.memory_bank.bank = queue.clone()
            loss = bank(head(method.backbone(first)), keys)
            ours = gradients(mine.loss, method.backbone, method.head)
            agree(mine.loss, loss, ours, gradients(loss, method.backbone, head))
        method.after_step(AT)
        update_momentum(method.backbone, slow_backbone, m=0.999)
        update_momentum(head, slow_head, m=0.999)
    assert int(method.filled) == 10


def test_byol_and_its_targets():
    method = make("byol", hidden=24, dim=8)
    width = method.backbone.num_features
    projector = theirs(heads.BYOLProjectionHead(width, 24, 8), method.projector)
    predictor = theirs(heads.BYOLPredictionHead(8, 24, 8), method.predictor)
    slow_backbone = copy.deepcopy(method.target_backbone)
    slow_projector = theirs(heads.BYOLProjectionHead(width, 24, 8), method.target_projector)
    similarity = losses.NegativeCosineSimilarity()
    for step in range(2):
        first, second = images(seed=step)
        mine = method((first, second), AT)
        asked = [predictor(projector(method.backbone(view))) for view in (first, second)]
        with torch.no_grad():
            aims = [slow_projector(slow_backbone(view)) for view in (first, second)]
        loss = 4 + 2 * (similarity(asked[0], aims[1]) + similarity(asked[1], aims[0]))
        ours = gradients(mine.loss, method.backbone, method.projector, method.predictor)
        agree(mine.loss, loss, ours, gradients(loss, method.backbone, projector, predictor))
        with torch.no_grad():  # so that the next step tells targets that follow from targets that do not
            for ours, other in zip(method.projector.parameters(), projector.parameters(), strict=True):
                ours.add_(0.1)
                other.add_(0.1)
        method.after_step(AT)
        momentum = method.schedule(AT)["momentum"]
        update_momentum(method.backbone, slow_backbone, m=momentum)
        update_momentum(projector, slow_projector, m=momentum)


@pytest.mark.parametrize("queue", [0, 12])
def test_swav_with_and_without_its_queue(queue):
    method = make("swav", hidden=24, dim=8, prototypes=7, queue=queue, queue_from=0, small_views=3, together=False)
    width = method.backbone.num_features
    head = theirs(heads.SwaVProjectionHead(width, 24, 8), method.head)
    criterion = losses.SwaVLoss()
    past = [[] for _ in range(LARGE)]
    for step in range(3):
        views = (*images(LARGE, seed=step), *images(3, size=32, seed=step + 9))
        mine = method(views, AT)
        units = [nn.functional.normalize(head(method.backbone(view)), dim=1) for view in views]
        scores = [unit @ method.prototypes.weight.T for unit in units]
        kept = None
        if queue and step == 2:
            assert int(method.filled) == queue
            kept = [torch.cat(rows[::-1])[:queue] @ method.prototypes.weight.T for rows in past]
        loss = criterion(scores[:LARGE], scores[LARGE:], kept)
        ours = gradients(mine.loss, method.backbone, method.head, method.prototypes)
        agree(mine.loss, loss.squeeze(), ours, gradients(loss, method.backbone, head, method.prototypes))
        for rows, unit in zip(past, units, strict=False):
            rows.append(unit.detach())
        method.after_step(AT)


def dino_head(width, ours):
    """lightly's head, whose last layer keeps directions and lengths of its rows apart."""
    head = heads.DINOProjectionHead(width, 24, 8, 11, batch_norm=True, norm_last_layer=True).double().train()
    head.layers.load_state_dict(dict(zip(head.layers.state_dict(), ours.layers.state_dict().values(), strict=True)))
    with torch.no_grad():
        head.last_layer.weight_v.copy_(ours.last.weight)
        head.last_layer.weight_g.fill_(1)
    return head


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_dino_and_its_centre():
    warm = {"teacher_temperature_start": 0.0625, "teacher_temperature": 0.0625}  # lightly rounds it to float32
    method = make("dino", outputs=11, hidden=24, bottleneck=8, small_views=3, together=False, **warm)
    width = method.backbone.num_features
    head, slow_head = dino_head(width, method.head), dino_head(width, method.teacher_head)
    slow_backbone = copy.deepcopy(method.teacher_backbone)
    criterion = losses.DINOLoss(output_dim=11).double()
    for step in range(2):
        views = (*images(LARGE, seed=step), *images(3, size=32, seed=step + 9))
        mine = method(views, AT)
        with torch.no_grad():
            teacher = [slow_head(slow_backbone(view)) for view in views[:LARGE]]
        loss = criterion(teacher, [head(method.backbone(view)) for view in views], teacher_temp=0.0625)
        trained = [*method.backbone.parameters(), *head.layers.parameters(), head.last_layer.weight_v]
        ours = gradients(mine.loss, method.backbone, method.head.layers, method.head.last)
        agree(mine.loss, loss, ours, torch.autograd.grad(loss, trained))
        method.after_step(AT)
        momentum = method.schedule(AT)["momentum"]
        update_momentum(method.backbone, slow_backbone, m=momentum)
        update_momentum(head, slow_head, m=momentum)
        torch.testing.assert_close(method.center, criterion.center.view(1, -1))


def test_simclr():
    method = make("simclr", dim=8, together=False)
    width = method.backbone.num_features
    head = theirs(heads.SimCLRProjectionHead(width, width, 8), method.head)
    first, second = images()
    mine = method((first, second), AT)
    loss = losses.NTXentLoss(temperature=0.1)(head(method.backbone(first)), head(method.backbone(second)))
    ours = gradients(mine.loss, method.backbone, method.head)
    agree(mine.loss, loss, ours, gradients(loss, method.backbone, head))
    assert mine.trivial == pytest.approx(math.log(2 * BATCH - 1))


def test_barlow_twins():
    method = make("barlow_twins", dim=16)
    head = theirs(heads.BarlowTwinsProjectionHead(method.backbone.num_features, 16, 16), method.projector)
    first, second = images()
    mine = method((first, second), AT)
    criterion = losses.BarlowTwinsLoss(lambda_param=0.0051)
    loss = criterion(head(method.backbone(first)), head(method.backbone(second)))
    ours = gradients(mine.loss, method.backbone, method.projector)
    agree(mine.loss, loss, ours, gradients(loss, method.backbone, head))


def test_vicreg():
    method = make("vicreg", dim=16)
    head = theirs(heads.VICRegProjectionHead(method.backbone.num_features, 16, 16, num_layers=3), method.expander)
    first, second = images()
    mine = method((first, second), AT)
    loss = losses.VICRegLoss()(head(method.backbone(first)), head(method.backbone(second)))
    ours = gradients(mine.loss, method.backbone, method.expander)
    agree(mine.loss, loss, ours, gradients(loss, method.backbone, head))
