"""A folder a class of 12 images each."""

import numpy as np
from PIL import Image


def write(folder):
    rng = np.random.default_rng(0)
    for label in ("ill", "well"):
        (folder / label).mkdir(parents=True)
        for i in range(12):
            Image.fromarray(rng.integers(0, 256, (6, 5), np.uint8)).save(folder / label / f"{i}.png")
    return {"folder": folder, "positive": "ill"}
