"""Full fine-tuning: the encoder and the head, after the head alone where an epoch of release is set."""

from trainables.adaptations.base import (
    AUGMENTATION,
    BATCH,
    DROPOUT,
    HEAD_LR,
    LABEL_SMOOTHING,
    WEIGHT_DECAY,
    Adaptation,
    Hyperparameter,
)


class Full(Adaptation):
    words = "full fine-tuning"
    hyperparameters = {
        "lr": Hyperparameter(1e-3, 0, open_low=True, search={"low": 1e-4, "high": 1e-2, "log": True}),
        "weight_decay": WEIGHT_DECAY,
        "head_lr": HEAD_LR,
        "layer_decay": Hyperparameter(1.0, 0, 1, open_low=True, search={"low": 0.5, "high": 1.0, "log": False}),
        "label_smoothing": LABEL_SMOOTHING,
        "dropout": DROPOUT,
        "augmentation": AUGMENTATION,
        "batch": BATCH,
        "release_epoch": Hyperparameter(0, 0),
    }
