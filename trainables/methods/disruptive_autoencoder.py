"""A disruptive autoencoder in two dimensions (Valanarasu et al. 2023, arXiv 2307.16896): hide patches, add noise, blur
and lose resolution, all at once, and reconstruct the image as it was."""

from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional

from trainables.methods import register
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Probability, Range, Recipe, Share
from trainables.methods.sparse.decoder import Decoder
from trainables.methods.sparse.encoder import feature_levels
from trainables.methods.sparse.plan import PATCH, Plan, check_image_size
from trainables.optimization import optimizers
from trainables.optimization.schedules import Moment, warmup_cosine
from trainables.transforms import disruptions
from trainables.transforms import ssl_views as view


class Settings(Common):
    """After the paper, in two dimensions. Patches of pixels are hidden, where the authors hide channels of patches'
    embeddings; noise, blur and lost resolution are milder and of random amounts; the rate is that of AdamW on networks
    of this kind. The contrast between CT and MRI, which a corpus of CT alone has not, is left out. `decoder_width` is
    that of SparK's decoder, used here too."""

    published_epochs: int = Field(100, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    mask_ratio: Share = Field(0.6, description="share of patches set to 0")
    patch: int = Field(16, ge=1, description="side in pixels; it divides the image size")
    noise_variance: Range = (1e-3, 1e-2)
    """Of the Gaussian noise that disturbs an image."""
    blur_sigma: Range = (0.5, 2.0)
    """Of the Gaussian that blurs an image, in pixels of a view 224 pixels wide."""
    blur_probability: Probability = 0.5
    """How often an image is blurred."""
    coarsest: int = Field(4, ge=1, description="resolution is lost by a factor of 1 to this")
    decoder_width: int = Field(256, ge=32, multiple_of=32)
    """Channels of the decoder's widest level."""
    base_lr: float = Field(1e-3, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.05, description="share of the budget")
    weight_decay: float = Field(0.05, ge=0)
    """On weights; vectors have their own rule in the method."""
    view: Recipe = Recipe(crop_scale=(0.67, 1.0), horizontal_flip=0.5)
    """How a view is made."""


@register
class DisruptiveAutoencoder(Method):
    """The loss is the mean absolute error over all pixels; predicting each image's mean gives the trivial one."""

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        check_image_size("disruptive_autoencoder", self.image_size)
        if self.image_size % settings.patch:
            raise ValueError(
                f"pretraining.methods.disruptive_autoencoder.patch: {settings.patch} does not divide images "
                f"{self.image_size} px wide"
            )
        self.indices, channels = feature_levels(backbone)
        self.decoder = Decoder(channels, settings.decoder_width)

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        """The disrupted view and the view as it was, (B, 1, H, W) each."""
        whole = view.view(images, self.settings.view, generator, size=self.image_size, window=self.window)
        return self.disrupt(whole, generator), whole

    def disrupt(self, images: Tensor, generator: Generator) -> Tensor:
        """(B, 1, H, W) in [0, 1] -> the same: coarser, blurred, noisy, with hidden patches."""
        s, pixel = self.settings, self.image_size / 224
        images = disruptions.coarsen(images, generator, factor=(1, s.coarsest))
        sigma = (s.blur_sigma[0] * pixel, s.blur_sigma[1] * pixel)
        images = view.blur(images, generator, sigma=sigma, probability=s.blur_probability)
        images = view.noise(images, generator, variance=s.noise_variance, probability=1.0)
        return disruptions.hide(images, generator, patch=s.patch, share=s.mask_ratio)

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        disrupted, whole = views
        maps, image = self._reconstruct(disrupted)
        loss = functional.l1_loss(image.to(whole.dtype), whole)
        trivial = (whole - whole.mean((2, 3), keepdim=True)).abs().mean()
        return Output(loss, float(trivial), maps[0].detach().mean((2, 3)), views=1)

    def _reconstruct(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """The maps at strides 32, 16, 8, 4 and the image made of them."""
        maps = self.backbone.forward_intermediates(images, indices=self.indices, intermediates_only=True)[::-1]
        side = self.image_size // PATCH
        plan = Plan(torch.ones(len(images), 1, side, side, dtype=torch.bool, device=images.device))
        return maps, self.decoder([plan.pack(x) for x in maps], plan)

    @torch.no_grad()
    def picture(self, images: Tensor, generator: Generator) -> Tensor:
        """From left to right: the image, what the network was given, what it made of it."""
        was = self.training
        whole = view.resize(images, self.image_size)
        given = self.disrupt(whole, generator)
        made = self.eval()._reconstruct(given)[1].to(whole.dtype)
        self.train(was)
        return torch.cat([whole, given, made], 3).squeeze(1)

    def optimizer(self) -> torch.optim.Optimizer:
        return optimizers.make("adamw", optimizers.parameter_groups(self))

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = warmup_cosine(at.progress, peak=peak, warmup=s.warmup)
        return {"lr": rate, "weight_decay": s.weight_decay}
