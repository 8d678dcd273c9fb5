"""The slice store: images of any size in one memory-mapped Arrow IPC file.

A row is an image: its pixels, a content digest, the patient's and the series' pseudonym and its position (mm along the
normal of the image plane). Pixels are raw little-endian values, so a read is a view of the memory map: no copy.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from study import versions
from study.storage.file_ref import FileRef

Unit = Literal["hu", "grey"]
DTYPES: dict[str, np.dtype] = {"hu": np.dtype("<i2"), "grey": np.dtype("u1")}
_BATCH_BYTES = 16 << 20

_FIELDS = [
    ("pixels", pa.large_binary()),
    ("height", pa.int32()),
    ("width", pa.int32()),
    ("digest", pa.string()),
    ("patient", pa.string()),
    ("series", pa.string()),
    ("position", pa.float64()),
]


class StoreWriter:
    """Writes a store beside its final place and renames it there in ``close``, so that no reader sees a part of one.

    As a context manager it removes the unfinished file when the block ends without ``close``.
    """

    def __init__(self, path: str | Path, *, unit: Unit) -> None:
        self._path = Path(path).absolute()
        self._tmp = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        self._dtype = DTYPES[unit]
        metadata = {"labelcurve.unit": unit, "labelcurve.layout": versions.SLICE_STORE}
        self._schema = pa.schema(_FIELDS, metadata=metadata)
        self._file = _HashedFile(self._tmp)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, mode="w"), self._schema)
        self._rows: list[tuple[bytes, int, int, str, str, str, float]] = []
        self._bytes = 0

    def append(self, pixels: np.ndarray, *, digest: str, patient: str, series: str, position: float) -> None:
        """Add one image of shape (H, W) in the store's own type. Raises ValueError for another shape or type."""
        if pixels.ndim != 2 or pixels.dtype != self._dtype:
            raise ValueError(f"a store of {self._dtype} takes images (H, W), not {pixels.dtype} {pixels.shape}")
        height, width = pixels.shape
        self._rows.append((pixels.tobytes(), height, width, digest, patient, series, float(position)))
        self._bytes += pixels.nbytes
        if self._bytes >= _BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(values, type=kind) for values, (_, kind) in zip(columns, _FIELDS, strict=True)]
            self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._rows, self._bytes = [], 0

    def close(self) -> FileRef:
        """Finish the file, force it to the disk, move it to its place."""
        self._flush()
        self._writer.close()
        self._file.sync_and_close()
        os.replace(self._tmp, self._path)
        return FileRef(str(self._path), self._file.sha256.hexdigest())

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._tmp.unlink(missing_ok=True)


class SliceStore:
    """A store opened for reading. Columns but the pixels are held in memory as lists."""

    def __init__(self, path: str | Path) -> None:
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
        except pa.ArrowInvalid as error:
            raise ValueError(f"{path} is no slice store or is damaged; delete its folder and ingest again") from error
        metadata = reader.schema.metadata or {}
        if metadata.get(b"labelcurve.layout") != versions.SLICE_STORE.encode():
            raise ValueError(
                f"{path} is no slice store of layout {versions.SLICE_STORE}; delete its folder and ingest again"
            )
        unit = metadata[b"labelcurve.unit"].decode()
        self.unit: Unit = "hu" if unit == "hu" else "grey"
        batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        table = pa.Table.from_batches(batches, schema=reader.schema)
        self.digests: list[str] = table["digest"].to_pylist()
        self.patients: list[str] = table["patient"].to_pylist()
        self.series: list[str] = table["series"].to_pylist()
        self.positions: list[float] = table["position"].to_pylist()
        self._shapes = list(zip(table["height"].to_pylist(), table["width"].to_pylist(), strict=True))
        self._views: list[tuple[Any, int]] = [view for batch in batches for view in _views(batch)]

    @classmethod
    def open(cls, path: str | Path) -> "SliceStore":
        """Open a local file. Raises ValueError when it is no store, FileNotFoundError when it is not there."""
        return cls(path)

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def content(self) -> str:
        """A hash, 16 hex digits, of the images in their order; unlike the file's digest it covers no pseudonyms."""
        return hashlib.sha256("\n".join(self.digests).encode()).hexdigest()[:16]

    def pixels(self, i: int) -> np.ndarray:
        """Image i as a read-only view (H, W): int16 Hounsfield units, or uint8 grey values."""
        buffer, offset = self._views[i]  # a pyarrow buffer, which numpy reads in place
        height, width = self._shapes[i]
        flat: np.ndarray = np.frombuffer(
            memoryview(buffer), dtype=DTYPES[self.unit], count=height * width, offset=offset
        )
        return flat.reshape(height, width)


def _views(batch: pa.RecordBatch) -> Iterator[tuple[pa.Buffer, int]]:
    column = batch.column("pixels")
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64, count=len(column), offset=8 * column.offset)
    return ((data, int(start)) for start in starts)


class _HashedFile:
    """A file being written whose digest is known at its end without reading it again."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb")
        self.sha256 = hashlib.sha256()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def sync_and_close(self) -> None:
        # Arrow's writer may have closed the file already, so its descriptor is opened anew to be forced to the disk.
        self._file.close()
        with open(self._file.name, "rb+") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        self._file.close()
