"""Pre-training steps from files on disk: stored slices and batched views against the usual DataLoader of PNG files.

    python -m tests.benchmarks.feeding

MoCo v2 on resnet18, 96 px out of slices of 512 px, batches of 32 on one thread, float32. This side reads its resized,
memory-mapped store and takes a whole step of the training loop. The other reads 8-bit PNG files in a DataLoader without
workers, as RGB, through lightly's MoCoV2Transform, and takes the step made of lightly's modules on the first channel.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from lightly.transforms import MoCoV2Transform
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from study.storage.file_ref import FileRef
from tests.benchmarks import slices
from tests.benchmarks.peers import MoCo
from tests.benchmarks.side_by_side import compare
from tests.benchmarks.steps import CHANGES, ours
from tests.trainables.small_pretraining import SMALL_PRETRAINING
from trainables import backbones, methods
from trainables.contracts import CorpusImageRows, PretrainConfig
from trainables.pretraining.run import Run

BACKBONE, SIZE, BATCH, SLICES, ROUNDS = "resnet18", 96, 32, 128, 15


class Folder(Dataset):
    """PNG files as RGB, each with its views."""

    def __init__(self, folder: Path) -> None:
        self.files, self.transform = sorted(folder.glob("*.png")), MoCoV2Transform(SIZE)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> list[Tensor]:
        with Image.open(self.files[number]) as image:
            return self.transform(image.convert("RGB"))


def from_store(ref: FileRef) -> Callable[[], None]:
    settings = methods.validate_settings("moco_v2", CHANGES["moco_v2"])
    of_run = {"method": "moco_v2", "settings": settings, "backbone": BACKBONE, "window": slices.WINDOW}
    size = {"image_size": SIZE, "batch": BATCH, "images": None, "sources": [CorpusImageRows(ref, None)]}
    config = PretrainConfig(**SMALL_PRETRAINING | of_run | size)
    run = Run(config, steps=100_000, rank=0, world=1, device=torch.device("cpu"))
    run.method.load_state_dict(run.method.state_dict() | full_queue(run))
    run.since = 1  # the first step after a row of history counts operations, which is not what is measured
    return run.advance


def full_queue(run: Run) -> dict[str, Tensor]:
    full = ours("moco_v2", BACKBONE, SIZE, BATCH).state_dict()
    return {name: full[name] for name in ("queue", "filled")}


def from_files(folder: Path) -> Callable[[], float]:
    torch.manual_seed(0)
    settings = ours("moco_v2", BACKBONE, SIZE, BATCH).settings
    peer = MoCo(backbones.build(BACKBONE), settings).train()
    optimizer = peer.optimizer()
    loader = DataLoader(Folder(folder), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=0)
    views = endless(loader)
    return lambda: peer.step([view[:, :1] for view in next(views)], optimizer)


def endless(loader: DataLoader) -> Iterator[list[Tensor]]:
    while True:
        yield from loader


def main() -> None:
    hu = slices.draw(SLICES)
    with tempfile.TemporaryDirectory() as place:
        os.environ["LABELCURVE_CACHE"] = f"{place}/cache"
        folder = Path(place) / "png"
        folder.mkdir()
        for number, grey in enumerate(np.rint(slices.shown(hu) * 255).astype(np.uint8)):
            Image.fromarray(grey).save(folder / f"{number:04d}.png")
        contenders: dict[str, Callable[[], object]] = {
            "store and batched views": from_store(slices.store(hu, Path(place) / "slices.arrow")),
            "DataLoader and lightly": from_files(folder),
        }
        compare(contenders, rounds=ROUNDS, warm=2, units=BATCH, unit="image", clock=time.perf_counter)


if __name__ == "__main__":
    main()
