"""An archive of three splits."""

import numpy as np


def write(folder):
    folder.mkdir()
    rng, arrays = np.random.default_rng(0), {}
    for split, size in (("train", 8), ("val", 4), ("test", 4)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (size, 6, 5), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(size) % 2).astype(np.uint8)[:, None]
    np.savez(folder / "set.npz", **arrays)
    return {"npz": folder / "set.npz"}
