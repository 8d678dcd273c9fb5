"""What a node keeps of the data: files fetched by digest, and images resized once for all workers on it."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import fsspec
import numpy as np
from filelock import FileLock
from PIL import Image

from study import versions
from study.data.slice_store import SliceStore
from study.storage import Storage
from study.storage.file_ref import FileRef

_CHUNK = 1 << 20


def folder() -> Path:
    """The node's cache folder: $LABELCURVE_CACHE, or one of this user's in the temporary folder."""
    default = Path(tempfile.gettempdir()) / f"labelcurve-cache-{os.getuid()}"
    path = Path(os.environ.get("LABELCURVE_CACHE") or default)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def local(ref: FileRef) -> Path:
    """A path on this node with the bytes of ``ref``.

    A local path is used where it lies. Anything else is fetched by fsspec once a node; ValueError when what came has
    another digest.
    """
    path = ref.uri.removeprefix("file://")
    if "://" not in path:
        return Path(path)

    def fetch(file: BinaryIO) -> None:
        sha256 = hashlib.sha256()
        with fsspec.open(ref.uri, "rb") as remote:
            while chunk := remote.read(_CHUNK):
                sha256.update(chunk)
                file.write(chunk)
        if sha256.hexdigest() != ref.digest:
            raise ValueError(f"{ref.uri} has changed: its sha256 is not {ref.digest}")

    return _made_once(ref.digest + Path(path).suffix, fetch)


def put(uri: str, content: bytes) -> None:
    """Leave bytes at a path or URL, whole or not at all; on a disk they survive a power cut once this returns."""
    root, folder, name = uri.rsplit("/", 2)
    Storage(root or "/").write_atomic(f"{folder}/{name}", content)


def resized(ref: FileRef, *, size: int, window: tuple[float, float]) -> np.ndarray:
    """All images of a store as a memory map (N, size, size) of uint16, 0..65535.

    Grey values are divided by 255; Hounsfield units are clipped to ``window`` (low, high) and scaled. Resizing is
    antialiased (Pillow's bilinear in float32) and squashes the aspect ratio. Dividing by 65535 gives [0, 1].
    """
    path = local(ref)
    store = SliceStore.open(path)
    low, high = (0.0, 255.0) if store.unit == "grey" else (float(window[0]), float(window[1]))
    if not low < high:
        raise ValueError(f"window: the lower end {low:g} is not below the upper end {high:g}")

    def make(file: BinaryIO) -> None:
        # Written row by row, not through a writable memory map: there a full disk would be a SIGBUS.
        header = {"descr": "<u2", "fortran_order": False, "shape": (len(store), size, size)}
        np.lib.format.write_array_header_1_0(file, header)
        for i in range(len(store)):
            file.write(_resize(store.pixels(i), size, low, high).tobytes())

    name = f"resized-v{versions.RESIZED}-{ref.digest[:32]}-{size}-{low:g}_{high:g}.npy"
    return np.load(_made_once(name, make), mmap_mode="r")


def _resize(pixels: np.ndarray, size: int, low: float, high: float) -> np.ndarray:
    scaled = np.clip((pixels.astype(np.float32) - low) / (high - low), 0, 1)
    image = Image.fromarray(scaled).resize((size, size), Image.Resampling.BILINEAR)
    return np.rint(np.clip(np.asarray(image), 0, 1) * 65535).astype("<u2")


def _made_once(name: str, make: Callable[[BinaryIO], None]) -> Path:
    """The cache's file ``name``, made by one process while others of the node wait, seen whole or not at all."""
    path = folder() / name
    if path.exists():
        return path
    with FileLock(f"{path}.lock"):
        if not path.exists():
            tmp = path.with_name(f".{name}.tmp")
            with open(tmp, "wb") as file:
                make(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(tmp, path)
    return path
