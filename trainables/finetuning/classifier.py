"""A classifier: an encoder and a linear head, how it is optimised, and what it predicts."""

import math
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from timm.models import group_parameters
from torch import Tensor, nn
from torch.nn import functional

from trainables.backbones.norms import batch_norms

CLASS_COUNT_PRIOR = 0.5
"""Added to each class's number of training images, so that one without any keeps a finite log prior."""


class Classifier(nn.Module):
    """Encoder, dropout, linear head.

    The head's bias starts at the log of the training classes' shares, of several findings (`labels` of 0 and 1 for
    each) at the log odds of each: under imbalance the first steps are then not spent on learning how rare a class is
    (Lin et al. 2017, arXiv 1708.02002, section 3.3), and, unlike under class weights, the probabilities stay
    calibrated. `generator` feeds the head's weights and, later, dropout.
    """

    encoder: nn.Module

    def __init__(
        self, encoder: nn.Module, labels: ArrayLike, classes: int, *, dropout: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.encoder, self.dropout, self.generator = encoder, dropout, generator
        self.head = nn.utils.skip_init(nn.Linear, cast(int, encoder.num_features), classes)
        with torch.no_grad():
            self.head.weight.normal_(0, 0.01, generator=generator)
            self.head.bias.copy_(prior(torch.as_tensor(labels), classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, 1, H, W)."""
        return self.logits(self.encoder(images))

    def logits(self, features: Tensor) -> Tensor:
        """Logits (B, classes) of features (B, D), both in float32 whatever the encoder computed in."""
        with torch.autocast(features.device.type, enabled=False):
            features = features if features.dtype == torch.float64 else features.float()
            if self.training and self.dropout > 0:
                kept = torch.rand(features.shape, generator=self.generator) >= self.dropout
                features = features * kept.to(features.device) / (1 - self.dropout)
            return self.head(features)


def prior(labels: Tensor, classes: int) -> Tensor:
    """Logits (classes,) that predict the shares of the training labels, (N,) classes or (N, findings) of 0 and 1."""
    if labels.ndim == 2:
        present, absent = labels.sum(0) + CLASS_COUNT_PRIOR, (1 - labels).sum(0) + CLASS_COUNT_PRIOR
        return (present / absent).log()
    counts = torch.bincount(labels, minlength=classes) + CLASS_COUNT_PRIOR
    return (counts / counts.sum()).log()


def loss_of(logits: Tensor, labels: Tensor, *, smoothing: float) -> Tensor:
    """Mean cross-entropy over images, and over findings where labels are (B, findings); `smoothing` moves this share of
    each label's weight to all answers alike."""
    if labels.ndim == 2:
        return functional.binary_cross_entropy_with_logits(logits, labels * (1 - smoothing) + smoothing / 2)
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing)


def parameter_groups(
    model: Classifier, *, lr: float, head_lr: float, layer_decay: float, weight_decay: float
) -> list[dict]:
    """Groups for an optimiser, each with `part` ("head" or "encoder") and its full rate `peak`.

    The head's rate is lr * head_lr; the encoder's block at depth d of D has lr * layer_decay^(D - d), the block next
    to the head being d = D - 1 (Clark et al. 2020, arXiv 2003.10555). Vectors (biases, norms) have no weight decay.
    What of the encoder needs no gradient is in no group.
    """
    matcher = cast(Callable[..., dict], model.encoder.group_matcher)
    depths = group_parameters(model.encoder, matcher(coarse=False), reverse=True)
    parameters = [("head", 1, lr * head_lr, each) for each in model.head.parameters()]
    below_head = max(depths.values()) + 1
    for name, each in model.encoder.named_parameters():
        if each.requires_grad:
            parameters.append(("encoder", depths[name], lr * layer_decay ** (below_head - depths[name]), each))
    groups: dict[tuple, dict] = {}
    for part, depth, peak, each in parameters:
        decay = weight_decay if each.ndim > 1 else 0.0
        group = {"params": [], "part": part, "peak": peak, "lr": peak, "weight_decay": decay}
        groups.setdefault((part, depth, decay > 0), group)["params"].append(each)
    return list(groups.values())


def rate_factor(step: int, *, total: int, start: int = 0) -> float:
    """What a step's learning rate is multiplied by: a cosine from 1 to 0 over steps 0..total, times a linear warm-up
    over the first twentieth of the steps counted from `start` (where a part of the model is released; 0 before)."""
    if step < start:
        return 0.0
    warm_up = max(1, total // 20)
    return min(1.0, (step - start + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / total))


def batches_per_epoch(images: int, batch: int) -> int:
    """How many batches an epoch has; they differ in size by one at most, and none holds a single image (batch
    norm!)."""
    return max(1, min(math.ceil(images / batch), images // 2))


def batches(images: int, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Each image once, in random order."""
    yield from torch.randperm(images, generator=generator).tensor_split(batches_per_epoch(images, batch))


def probabilities(logits: Tensor, *, multi: bool = False) -> np.ndarray:
    """Softmax, or (`multi`) each finding's own sigmoid, in float64, (N, classes). Raises FloatingPointError if a logit
    is not finite."""
    if not torch.isfinite(logits).all():
        raise FloatingPointError("predictions became NaN or infinite")
    logits = logits.detach().cpu().double()
    return (torch.sigmoid(logits) if multi else torch.softmax(logits, 1)).numpy()


@torch.no_grad()
def settle_batch_norm(encoder: nn.Module, images: Tensor) -> None:
    """Replace each batch norm's running statistics by those of `images` (B, 1, H, W) under the present weights.

    Running averages lag behind the weights. After the few steps that few labels allow they are so far off that a
    classifier that tells its training images apart can order validation images at or below chance (Wu and Johnson
    2021, arXiv 2105.07576, "precise" batch norm).
    """
    norms = batch_norms(encoder)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    encoder.train()
    encoder(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
