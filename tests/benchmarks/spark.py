"""SparK: its packed encoder against the dense form, and its whole step against a plain masked-dense one.

    python -m tests.benchmarks.spark [resnet18 or resnet50] [encoder or step]

One thread: resnet18 at 96 px with a batch of 8 images, resnet50 at 224 px with 2. Float32 errors of both forms are
printed beside the dense form's own float64. The plain step (`plain_spark.py`) has the published decoder of width 768;
ours is shown with it and with lighter ones, which are other models.
"""

import copy
import sys
from collections.abc import Callable, Iterable
from functools import partial
from itertools import starmap
from typing import Any

import torch
from torch import Tensor, nn

from tests.benchmarks import slices
from tests.benchmarks.plain_spark import PlainSparK
from tests.benchmarks.side_by_side import compare
from tests.benchmarks.steps import ours, stepper
from trainables import backbones
from trainables.methods.sparse.plan import Plan
from trainables.optimization import optimizers
from trainables.optimization.schedules import Moment

SIZES = {"resnet18": (96, 8), "resnet50": (224, 2)}
RATIOS = (0.6, 0.75)
PUBLISHED, LIGHTER = 768, (384, 256)
PLAIN = "plain step, 768"
ROUNDS = 9


def views(name: str, **settings: Any) -> tuple[Any, tuple[Tensor, ...]]:
    """The method and a batch of its views."""
    size, batch = SIZES[name]
    images = torch.from_numpy(slices.shown(slices.draw(batch, size=int(1.5 * size)))).unsqueeze(1)
    method = ours("spark", name, size, batch, **settings)
    return method, method.views(images, torch.Generator().manual_seed(0))


def encoder(name: str) -> None:
    for ratio in RATIOS:
        print(f"encoder, forward and backward, {name}, {ratio:.0%} of the patches hidden", flush=True)
        made = {form: views(name, mask_ratio=ratio, form=form) for form in ("packed", "dense")}
        contenders: dict[str, Callable[[], object]] = {
            form: lambda method=method, given=given: encode(method, *given) for form, (method, given) in made.items()
        }
        compare(contenders, rounds=ROUNDS, warm=2, units=SIZES[name][1], unit="image")
        errors(made)


def encode(method: Any, images: Tensor, mask: Tensor) -> list[Tensor]:
    """The encoder's maps, packed, once the gradients of a sum are in its parameters; every position counts its own."""
    method.backbone.zero_grad()
    maps = method.sparse(method.backbone, images, Plan(mask))
    generator = torch.Generator().manual_seed(0)
    torch.autograd.backward(maps, [torch.randn(x.shape, generator=generator).to(x) for x in maps])
    return [x.detach() for x in maps]


def errors(made: dict[str, tuple[Any, tuple[Tensor, ...]]]) -> None:
    """How far maps and gradients in float32 are from the dense form in float64, over the largest of each tensor."""
    method, (images, mask) = made["dense"]
    randomised(method)
    made["packed"][0].load_state_dict(method.state_dict())
    exact = numbers(copy.deepcopy(method).double(), images.double(), mask)
    for form, (rounded, _) in made.items():
        parts = zip(numbers(rounded, images, mask), exact, strict=True)
        print("  {} in float32: maps within {:.1e}, gradients within {:.1e}".format(form, *starmap(apart, parts)))


def numbers(method: Any, images: Tensor, mask: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    return encode(method, images, mask), gradients(method.backbone)


def gradients(network: nn.Module) -> list[Tensor]:
    return [p.grad for p in network.parameters() if p.grad is not None]


def apart(tensors: Iterable[Tensor], exact: Iterable[Tensor]) -> float:
    return max(float((a.double() - b).abs().max() / b.abs().max()) for a, b in zip(tensors, exact, strict=True))


def randomised(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):  # timm zeroes the last norm of a block, which would hide the block
            nn.init.uniform_(layer.weight, 0.5, 1.5)


def step(name: str) -> None:
    contenders: dict[str, Callable[[], object]] = {}
    for width in (PUBLISHED, *LIGHTER):
        method, given = views(name, decoder_width=width)
        contenders[f"this step, {width}"] = partial(stepper(method), given)
        if width == PUBLISHED:
            plain = plainly(name, method)
            same(method, plain, given)
            optimizer = optimizers.make("lamb", optimizers.parameter_groups(plain), betas=(0.9, 0.95))
            optimizers.apply(optimizer, method.schedule(Moment(1000, 100_000)))
    contenders[PLAIN] = partial(plain.step, given, optimizer, method.settings.clip)
    print(f"whole step, {name}, {method.settings.mask_ratio:.0%} of the patches hidden", flush=True)
    taken = compare(contenders, rounds=ROUNDS, warm=1, units=SIZES[name][1], unit="image")
    for width in (PUBLISHED, *LIGHTER):
        ratio = taken[PLAIN] / taken[f"this step, {width}"]
        print(f"  with a decoder of {width} this step is {ratio:.2f} times as fast as the {PLAIN}")


def plainly(name: str, method: Any) -> PlainSparK:
    plain = PlainSparK(backbones.build(name), method.settings.decoder_width).train()
    plain.load_state_dict(method.state_dict())
    return plain


def same(method: Any, plain: PlainSparK, given: tuple[Tensor, ...]) -> None:
    """Print how far the two losses and their gradients are apart in float64."""
    images, mask = given[0].double(), given[1]
    one, other = copy.deepcopy(method).double(), copy.deepcopy(plain).double()
    randomised(one)
    other.load_state_dict(one.state_dict())
    losses = one((images, mask), Moment(0, 1)).loss, other(images, mask)
    for loss in losses:
        loss.backward()
    further = [apart([losses[0].detach()], [losses[1].detach()]), apart(gradients(one), gradients(other))]
    print("in float64 the two losses are within {:.1e}, their gradients within {:.1e}".format(*further), flush=True)


def main(name: str = "resnet18", *parts: str) -> None:
    for part in parts or ("encoder", "step"):
        {"encoder": encoder, "step": step}[part](name)


if __name__ == "__main__":
    main(*sys.argv[1:])
