"""One cell's search against the style of the paper's notebooks, at equal epochs.

    python -m tests.benchmarks.notebook_style [--trials 10] [--train 96] [--val 48] [--epochs 6] [--rounds 3]

ResNet-18 at 96 px out of slices of 512 px, batches of 32, on one thread; processor time, that of started processes
included. This side is a warm worker: frozen epochs and probes see features that are computed once a search, images come
batched from the memory-mapped store. The other side is a fresh process a trial, which reads 8-bit PNG files one by one
through PIL transforms into three channels, sends frozen epochs through the network, and evaluates image by image.
Half of the epochs of fine-tuning are frozen. What Tune adds to a trial is not in here.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainables.contracts import CellJob, FileRef

BACKBONE, SIZE, BATCH, CLASSES = "resnet18", 96, 32, 2


def notebook_trial(folder: Path, train: int, epochs: int, released: int, seed: int) -> None:
    """A trial as a notebook does it: the head alone up to epoch `released`, then all of the network."""
    import timm
    import torch
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    steps = [transforms.Resize((SIZE, SIZE)), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    flipped = transforms.Compose([transforms.RandomHorizontalFlip(), *steps])
    plain = transforms.Compose(steps)

    class Folder(Dataset):
        def __init__(self, files: list[Path], transform: transforms.Compose) -> None:
            self.files, self.transform = files, transform

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
            with Image.open(self.files[number]) as image:
                return self.transform(image.convert("RGB")), label_of(int(self.files[number].stem))

    files = sorted(folder.glob("*.png"))
    to_learn = DataLoader(Folder(files[:train], flipped), batch_size=BATCH, shuffle=True)
    to_judge = DataLoader(Folder(files[train:], plain), batch_size=1)
    model = timm.create_model(BACKBONE, num_classes=CLASSES)
    model.requires_grad_(False)
    model.get_classifier().requires_grad_(True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, weight_decay=5e-4)
    for epoch in range(epochs):
        if epoch == released:
            model.requires_grad_(True)
        model.train()
        for images, labels in to_learn:
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for image, _ in to_judge:
                model(image).softmax(1)


def label_of(number: int) -> int:
    return number % CLASSES


def job(place: Path, images: FileRef, asked: argparse.Namespace) -> CellJob:
    """The cell, without features."""
    from study.pretraining.encoder_weights import draw_weights

    encoder = place / "encoder.safetensors"
    draw_weights(BACKBONE, 0, encoder)
    train, val = list(range(asked.train)), list(range(asked.train, asked.train + asked.val))
    return CellJob(
        adaptation="full",
        backbone=BACKBONE,
        image_size=SIZE,
        window=(-1000.0, 1000.0),
        images=images,
        classes=CLASSES,
        label_kind="single",
        positive=None,
        train=train,
        train_labels=[label_of(row) for row in train],
        train_patients=None,
        val=val,
        val_labels=[label_of(row) for row in val],
        val_patients=None,
        folds=None,
        encoder=FileRef(str(encoder), "00"),
        features=None,
        epochs=asked.epochs,
        updates=None,
        objective="log_loss",
        sensitivity_at=0.9,
        patient_score="mean",
        threads=1,
        gpus=0,
    )


def processor_time() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main(asked: argparse.Namespace) -> None:
    from tests.benchmarks import slices
    from tests.benchmarks.side_by_side import compare
    from trainables import adaptations
    from trainables.finetuning import linear_probe

    hu = slices.draw(asked.train + asked.val)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ |= {"LABELCURVE_CACHE": f"{place}/cache", "OMP_NUM_THREADS": "1"}
        (place / "png").mkdir()
        for number, grey in enumerate(np.rint(slices.shown(hu) * 255).astype(np.uint8)):
            Image.fromarray(grey).save(place / "png" / f"{number:04d}.png")
        stored = slices.store(hu, place / "slices.arrow")
        cell = job(place, stored, asked)
        cell = replace(cell, features=linear_probe.write_features(cell.run({}, 0), place / "features.npy"))
        seeds = iter(range(10**6))

        def ours(adaptation: str, settings: dict[str, Any]) -> None:
            list(adaptations.get(adaptation).run(replace(cell, adaptation=adaptation).run(settings, next(seeds))))

        def theirs(released: int) -> None:
            told = [folder + "/png", asked.train, asked.epochs, released, next(seeds)]
            subprocess.run([sys.executable, "-m", __spec__.name, "trial", *map(str, told)], check=True)

        half = asked.epochs // 2
        ways = {
            "frozen, then released": ("full", {"release_epoch": half, "batch": BATCH, "augmentation": 1.0}, half),
            "linear probe": ("linear", {}, asked.epochs),
        }
        write = {
            "features of an encoder, once": lambda: linear_probe.write_features(cell.run({}, 0), place / "again.npy")
        }
        (once,) = compare(write, rounds=asked.rounds, unit="search", clock=processor_time).values()
        for what, (adaptation, settings, released) in ways.items():
            print(f"{what}: {asked.train} + {asked.val} images, {asked.epochs} epochs", flush=True)
            contenders = {
                "a trial on a warm worker": lambda a=adaptation, s=settings: ours(a, s),
                "a trial as in a notebook": lambda r=released: theirs(r),
            }
            own, other = compare(contenders, rounds=asked.rounds, unit="trial", clock=processor_time).values()
            ratio = asked.trials * other / (once + asked.trials * own)
            print(f"  a search of {asked.trials} trials, features included: {ratio:.1f} times as fast", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["trial"]:
        notebook_trial(Path(sys.argv[2]), *map(int, sys.argv[3:]))
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        for name, default in {"trials": 10, "train": 96, "val": 48, "epochs": 6, "rounds": 3}.items():
            parser.add_argument(f"--{name}", type=int, default=default)
        main(parser.parse_args())
