"""Whole training steps, views given, against the same steps put together from lightly's modules.

    python -m tests.benchmarks.steps [resnet18 or resnet50] [methods...]

Float32 on one thread: resnet18 at 96 px with a batch of 32 images, resnet50 at 224 px with 4. Both sides have the same
backbone, the same sizes of heads and queues (which are full), the same kind of optimizer and no split batch statistics.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.benchmarks import slices
from tests.benchmarks.peers import PEERS
from tests.benchmarks.side_by_side import compare
from trainables import backbones, device, methods
from trainables.optimization import optimizers
from trainables.optimization.schedules import Moment

SIZES = {"resnet18": (96, 32), "resnet50": (224, 4)}
CHANGES = {"moco_v2": {"bn_splits": 1}}
ROUNDS = 9


def ours(name: str, backbone: str, size: int, batch: int, **changes: Any) -> Any:
    settings = methods.settings_class(name).model_validate(CHANGES.get(name, {}) | changes)
    torch.manual_seed(0)
    method = methods.get(name)(
        backbones.build(backbone), settings, image_size=size, batch=batch, window=slices.WINDOW
    ).train()
    device.place(method, torch.device("cpu"), channels_last=True)  # as the loop does
    if name == "moco_v2":
        method.queue.copy_(functional.normalize(torch.randn(method.queue.shape), dim=1))
        method.filled.fill_(len(method.queue))
    return method


def stepper(method: Any) -> Callable[[tuple[Tensor, ...]], float]:
    """One step of the training loop, `trainables.pretrain_run.Run.advance`, without its reading and bookkeeping."""
    optimizer, at = method.optimizer(), Moment(1000, 100_000)

    def step(views: tuple[Tensor, ...]) -> float:
        optimizers.apply(optimizer, method.schedule(at))
        optimizer.zero_grad(set_to_none=True)
        loss = method(views, at).loss
        value = loss.item()
        loss.backward()
        for parameter in method.frozen(at):
            parameter.grad = None
        if method.clip_norm is not None:
            nn.utils.clip_grad_norm_(method.parameters(), method.clip_norm)
        optimizer.step()
        method.after_step(at)
        return value

    return step


def main(backbone: str = "resnet18", *names: str) -> None:
    size, batch = SIZES[backbone]
    images = torch.from_numpy(slices.shown(slices.draw(batch, size=int(1.5 * size)))).unsqueeze(1)
    print(f"{backbone}, {size} px, batches of {batch}")
    for name in names or PEERS:
        print(name, flush=True)
        method = ours(name, backbone, size, batch)
        views = method.views(images, torch.Generator().manual_seed(0))
        pictures = [view for view in views if view.ndim == 4]
        torch.manual_seed(0)
        peer = PEERS[name](backbones.build(backbone), method.settings).train()
        step, optimizer = stepper(method), peer.optimizer()
        contenders = {
            "this step": lambda step=step, views=views: step(views),
            "lightly's": lambda peer=peer, views=pictures, optimizer=optimizer: peer.step(views, optimizer),
        }
        compare(contenders, rounds=ROUNDS, warm=2, units=batch, unit="image")


if __name__ == "__main__":
    main(*sys.argv[1:])
