"""SparK (Tian et al. 2023, "Designing BERT for Convolutional Networks", arXiv 2301.03580): masked image modelling."""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional

from trainables.methods import register
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.methods.sparse.decoder import Decoder
from trainables.methods.sparse.encoder import SparseEncoder
from trainables.methods.sparse.plan import PATCH, Plan, check_image_size, spread_mask
from trainables.optimization import optimizers
from trainables.optimization.schedules import Moment, cosine, warmup_cosine
from trainables.transforms import ssl_views as view

EPSILON = 1e-6


class Settings(Common):
    """Defaults are the published ones for ResNets; `warmup` is 40 of 1,600 epochs. For a ConvNeXt the authors norm what
    is made dense by layers rather than batches, and have 0.999 for LAMB's second beta.

    `form` is how the encoder is computed, with the same result: "packed" on visible patches alone, "dense" on whole
    maps. A `decoder_width` of 256 is a lighter decoder, hence another model.
    """

    published_epochs: int = Field(1600, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    mask_ratio: float = Field(0.6, gt=0, lt=1)
    """Share of the patches that is hidden."""
    decoder_width: int = Field(768, ge=32, multiple_of=32)
    """Channels of the decoder's widest level."""
    form: Literal["packed", "dense"] = "packed"
    """How the sparse encoder computes: packed, or dense with masks."""
    base_lr: float = Field(2e-4, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.025, description="share of the budget")
    weight_decay: float = Field(0.04, ge=0)
    """On weights; vectors have their own rule in the method."""
    weight_decay_end: float = Field(0.2, ge=0)
    """Weight decay at the end of the run."""
    clip: float = Field(5.0, gt=0)
    """Largest norm of the gradient."""
    view: Recipe = Recipe(crop_scale=(0.67, 1.0), horizontal_flip=0.5)
    """How a view is made."""


@register
class SparK(Method):
    """Hides 32x32 patches and learns to predict their normalised pixels from what is visible."""

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        check_image_size("spark", about["image_size"])
        super().__init__(backbone, settings, **about)
        self.sparse = SparseEncoder(backbone, settings.form)
        for parameter in self.sparse.unused:  # a head's, say: it goes out with the encoder as it came
            parameter.requires_grad_(False)
        self.decoder = Decoder(self.sparse.channels, settings.decoder_width)
        self.clip_norm = settings.clip

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        """One view and its mask (B, 1, f, f), true where visible."""
        images = view.view(images, self.settings.view, generator, size=self.image_size, window=self.window)
        return images, self.mask(len(images), generator).to(images.device)

    def mask(self, count: int, generator: Generator) -> Tensor:
        """(count, 1, f, f), true where visible; the same number in every image, at least one visible and one hidden."""
        side = self.image_size // PATCH
        keep = min(max(round(side**2 * (1 - self.settings.mask_ratio)), 1), side**2 - 1)
        order = torch.rand(count, side**2, generator=generator).argsort(1)
        return (order < keep).view(count, 1, side, side)

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        images, mask = views
        plan = Plan(mask)
        maps = self.sparse(self.backbone, images, plan)
        loss, trivial = reconstruction_loss(images, self.decoder(maps, plan), mask)
        return Output(loss, float(trivial), plan.pool(maps[0].detach()), views=1)

    @torch.no_grad()
    def picture(self, images: Tensor, generator: Generator) -> Tensor:
        """From left to right: the image, its visible patches, and these with the hidden ones as they were predicted.

        A prediction is of normalised pixels; it is shown with the mean and deviation of the patch that it stands for.
        """
        was = self.training
        whole = view.resize(images, self.image_size)
        mask = self.mask(len(whole), generator).to(whole.device)
        plan = Plan(mask)
        guess = self.eval().decoder(self.sparse(self.backbone, whole, plan), plan).to(whole.dtype)
        self.train(was)
        patches = _patches(whole)
        guess = _patches(guess) * (patches.var(-1, keepdim=True) + EPSILON).sqrt() + patches.mean(-1, keepdim=True)
        made = functional.fold(guess.transpose(1, 2), whole.shape[-2:], PATCH, stride=PATCH)
        keep = spread_mask(mask, self.image_size)
        return torch.cat([whole, whole * keep, torch.where(keep, whole, made)], 3).squeeze(1)

    def optimizer(self) -> torch.optim.Optimizer:
        groups = optimizers.parameter_groups(self, spare=self.decoder.embeddings)
        return optimizers.make("lamb", groups, betas=(0.9, 0.95))

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = warmup_cosine(at.progress, peak=peak, warmup=s.warmup, first=0.005 * peak, last=0.001 * peak)
        return {"lr": rate, "weight_decay": cosine(at.progress, s.weight_decay, s.weight_decay_end)}


def reconstruction_loss(images: Tensor, predicted: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared error on pixels normalised in each patch, over hidden patches; and that of predicting the mean.

    The second is the loss's trivial value: 1023 / 1024 times the share of hidden patches that are not flat.
    """
    target, guess = _patches(images), _patches(predicted.to(images.dtype))  # full precision under autocast
    target = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + EPSILON).sqrt()
    hidden = ~mask.flatten(1)
    return functional.mse_loss(guess[hidden], target[hidden]), target[hidden].square().mean()


def _patches(images: Tensor) -> Tensor:
    """(B, 1, 32f, 32f) -> (B, f * f, 1024), row by row."""
    return functional.unfold(images, PATCH, stride=PATCH).transpose(1, 2)
