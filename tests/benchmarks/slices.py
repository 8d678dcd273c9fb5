"""Synthetic CT slices, so that anyone can run the benchmarks."""

from pathlib import Path

import numpy as np

from study.data.phantom.anatomy import Anatomy
from study.data.slice_store import StoreWriter
from study.storage.file_ref import FileRef

WINDOW = (-1000.0, 1000.0)
"""Hounsfield units that are shown as black and white."""


def draw(count: int, *, size: int = 512) -> np.ndarray:
    """(count, size, size) int16 Hounsfield units of the phantom's patients, one slice each."""
    rngs = [np.random.default_rng([0, patient]) for patient in range(count)]
    return np.stack([np.rint(Anatomy(size, rng).slice(rng.random(), 0.0, rng)).astype(np.int16) for rng in rngs])


def shown(hu: np.ndarray) -> np.ndarray:
    """Windowed slices in [0, 1], float32."""
    low, high = WINDOW
    return np.clip((hu.astype(np.float32) - low) / (high - low), 0, 1)


def store(hu: np.ndarray, path: Path) -> FileRef:
    """The slices as an ingested store."""
    with StoreWriter(path, unit="hu") as writer:
        for number, pixels in enumerate(hu):
            about = {"digest": f"{number:032x}", "patient": f"{number}", "series": f"{number}"}
            writer.append(pixels, **about, position=0.0)
        return writer.close()
