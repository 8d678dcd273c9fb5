"""The program of test_two_ranks: each method's gradients and buffers with the batch over two gloo processes, saved by
the first: python two_ranks.py RANK FOLDER."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from tests.trainables.small_methods import make
from trainables import methods
from trainables.methods.base import Method
from trainables.optimization import distributed
from trainables.optimization.schedules import Moment

BATCH, STEPS = 8, 2  # queues are full after the first
AT = Moment(40, 100)
CASES = [
    *((name, "test_resnet", {}) for name in methods.names() if name != "moco_v2"),
    ("moco_v2", "test_resnet", {"bn_splits": 1}),  # its parts are the ranks
    ("spark", "test_resnet", {"form": "dense"}),
    ("spark", "test_efficientnet", {}),  # norms fused with activations, squeeze-and-excitation
    ("byol", "test_efficientnet", {}),
]


def build(case: int, **settings) -> Method:
    name, backbone, own = CASES[case]
    return make(name, backbone=backbone, batch=BATCH, **{**own, **settings}).double()


def views(method: Method, step: int) -> tuple[torch.Tensor, ...]:
    """The views of the whole batch; with orders, which are a rank's own, left as they are."""
    generator = torch.Generator().manual_seed(step)
    made = method.views(torch.rand(BATCH, 1, 80, 80, generator=generator), generator)
    return tuple(view.double() if view.is_floating_point() else view for view in made)


def learn(method: Method, network: torch.nn.Module, part: slice, *, order: bool) -> dict[str, torch.Tensor]:
    """Gradients of the last of some steps, and the buffers after it."""
    for step in range(STEPS):
        method.zero_grad()
        rows = tuple(view[part] for view in views(method, step))
        if order:  # MoCo's, of the keys
            rows = (*rows[:2], torch.arange(len(rows[0])))
        network(rows, AT).loss.backward()
        method.after_step(AT)
    gradients = {f"gradient of {name}": p.grad for name, p in method.named_parameters() if p.grad is not None}
    return gradients | {f"buffer {name}": value for name, value in method.named_buffers() if value.numel()}


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    for case, (name, *_) in enumerate(CASES):
        synchronise = distributed.synchronise_norms if name != "moco_v2" else lambda network: network
        method = synchronise(build(case, prepare=synchronise))
        network = torch.nn.parallel.DistributedDataParallel(method, broadcast_buffers=False)
        half = BATCH // 2
        learnt = learn(method, network, slice(rank * half, (rank + 1) * half), order=name == "moco_v2")
        if rank == 0:
            torch.save(learnt, folder / f"{case}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
