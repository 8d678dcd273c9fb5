"""The study that is killed: a phantom's labels, a ready encoder beside an untrained one, six trials in each cell."""

from pathlib import Path

import yaml

FULL = {
    "sizes": {"share": [0.5, 1.0]},
    "draws": 1,
    "trials": 6,
    "finals": 2,
    "epochs": 4,
    "pruning": {"startup_trials": 1, "warmup_epochs": 1, "min_val_images": 1, "audit": 0.5},
    "space": {"lr": {"low": 1e-4, "high": 1e-2, "log": True}},
}
LINEAR = {"sizes": {"share": [1.0]}, "draws": 1, "trials": 2, "finals": 1}
STUDY = {
    "name": "killed",
    "image_size": 32,
    "tasks": {
        "finding": {"phantom": {"labelled_patients": 60, "labelled_slices": 1, "size": 32}, "positive": "finding"}
    },
    "selection": {"min_val_patients": 2},
}


def write(folder: Path, *, linear: bool = False) -> Path:
    """The study's file in ``folder``, beside the weights of its ready encoder.

    It adapts whole networks, or, ``linear``, puts a probe on features that are computed before its trials.
    """
    from trainables import backbones

    folder.mkdir(parents=True)
    ready = folder / "ready.safetensors"
    backbones.save(backbones.build("resnet18"), ready, {})
    adaptations = {"linear": LINEAR} if linear else {"full": FULL}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY | {"weights": {"ready": str(ready)}, "adaptations": adaptations}))
    return path
