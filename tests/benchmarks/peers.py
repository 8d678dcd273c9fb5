"""Training steps put together from lightly's modules, as its own examples do, around backbones of timm.

A peer takes the settings of our method of the same name and its views, images alone: what else ours draws stays behind.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from lightly.loss import NegativeCosineSimilarity, NTXentLoss, SwaVLoss
from lightly.models import modules
from lightly.models.utils import batch_shuffle, batch_unshuffle, deactivate_requires_grad, update_momentum
from lightly.utils.lars import LARS
from torch import Tensor, nn
from torch.nn import functional


class Peer(nn.Module):
    backbone: Any

    def __init__(self, backbone: nn.Module, settings: Any) -> None:
        super().__init__()
        self.backbone, self.settings = backbone, settings

    def loss(self, views: Sequence[Tensor]) -> Tensor:
        raise NotImplementedError

    def optimizer(self) -> torch.optim.Optimizer:
        raise NotImplementedError

    def step(self, views: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> float:
        loss = self.loss(views)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    def _lars(self) -> torch.optim.Optimizer:
        return LARS(self.parameters(), lr=1e-3, momentum=0.9, weight_decay=self.settings.weight_decay)


class MoCo(Peer):
    def __init__(self, backbone: Any, settings: Any) -> None:
        super().__init__(backbone, settings)
        width = backbone.num_features
        self.head = modules.MoCoProjectionHead(width, width, settings.dim)
        self.slow_backbone, self.slow_head = _slow(self.backbone), _slow(self.head)
        self.criterion = NTXentLoss(settings.temperature, memory_bank_size=(settings.queue, settings.dim))

    def loss(self, views: Sequence[Tensor]) -> Tensor:
        update_momentum(self.backbone, self.slow_backbone, self.settings.momentum)
        update_momentum(self.head, self.slow_head, self.settings.momentum)
        queries = self.head(self.backbone(views[0]))
        shuffled, order = batch_shuffle(views[1])
        keys = batch_unshuffle(self.slow_head(self.slow_backbone(shuffled)).detach(), order)
        return self.criterion(queries, keys)

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1e-3, momentum=0.9, weight_decay=self.settings.weight_decay)


class BYOL(Peer):
    def __init__(self, backbone: Any, settings: Any) -> None:
        super().__init__(backbone, settings)
        s = settings
        self.projector = modules.BYOLProjectionHead(backbone.num_features, s.hidden, s.dim)
        self.predictor = modules.BYOLPredictionHead(s.dim, s.hidden, s.dim)
        self.slow_backbone, self.slow_projector = _slow(self.backbone), _slow(self.projector)
        self.criterion = NegativeCosineSimilarity()

    def loss(self, views: Sequence[Tensor]) -> Tensor:
        update_momentum(self.backbone, self.slow_backbone, self.settings.momentum)
        update_momentum(self.projector, self.slow_projector, self.settings.momentum)
        first, second = (self.predictor(self.projector(self.backbone(view))) for view in views)
        aims = [self.slow_projector(self.slow_backbone(view)).detach() for view in views]
        return 0.5 * (self.criterion(first, aims[1]) + self.criterion(second, aims[0]))

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3, weight_decay=self.settings.weight_decay)


class SwAV(Peer):
    def __init__(self, backbone: Any, settings: Any) -> None:
        super().__init__(backbone, settings)
        s = settings
        self.head = modules.SwaVProjectionHead(backbone.num_features, s.hidden, s.dim)
        self.prototypes = modules.SwaVPrototypes(s.dim, s.prototypes)
        self.criterion = SwaVLoss(s.temperature, s.iterations, s.epsilon)

    def loss(self, views: Sequence[Tensor]) -> Tensor:
        self.prototypes.normalize()
        scores = [self.prototypes(functional.normalize(self.head(self.backbone(view)), dim=1)) for view in views]
        return self.criterion(scores[:2], scores[2:])

    def optimizer(self) -> torch.optim.Optimizer:
        return self._lars()


class SimCLR(Peer):
    def __init__(self, backbone: Any, settings: Any) -> None:
        super().__init__(backbone, settings)
        width = backbone.num_features
        self.head = modules.SimCLRProjectionHead(width, width, settings.dim)
        self.criterion = NTXentLoss(settings.temperature)

    def loss(self, views: Sequence[Tensor]) -> Tensor:
        first, second = (self.head(self.backbone(view)) for view in views)
        return self.criterion(first, second)

    def optimizer(self) -> torch.optim.Optimizer:
        return self._lars()


PEERS: dict[str, type[Peer]] = {"moco_v2": MoCo, "byol": BYOL, "swav": SwAV, "simclr": SimCLR}


def _slow(network: nn.Module) -> Any:
    copied = copy.deepcopy(network)
    deactivate_requires_grad(copied)
    return copied
