"""A folder of DICOM files into a slice store: the unlabelled corpus for pre-training.

The folder is read twice: all headers, to put the slices in order, then the pixels, series by series, so that memory
holds some dozens of slices however large the folder is.
"""

import hashlib
import logging
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import polars as pl

from study import versions
from study.data import store_entries
from study.data.dicom import Header, Rejected, Slice, read_header, read_slices
from study.data.phantom import scans
from study.data.phantom.settings import PhantomSettings
from study.data.pseudonyms import PHANTOM_KEY, PseudonymKey
from study.data.slice_store import StoreWriter
from study.errors import InputRefused
from study.storage.file_ref import FileRef

log = logging.getLogger(__name__)

DOCUMENT = "corpus.json"
REJECTS = {"digest": pl.String, "reason": pl.String, "series": pl.String, "source": pl.String}
_THREADS = min(4, os.cpu_count() or 1)
_AHEAD = 32

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Corpus:
    """An ingested corpus. ``rejects`` are rows of digest, reason, series (pseudonym or None) and source."""

    images: FileRef
    patients: int
    slices: int
    rejects: list[dict[str, Any]]


def ingest_corpus(source: Path | PhantomSettings, *, store: Path, key: PseudonymKey | None) -> Corpus:
    """The slice store of ``source`` (a folder of DICOM files, or a phantom), made unless it is there already.

    A phantom has a public key of its own. Raises InputRefused for a missing folder, for one without a usable CT image,
    and for an entry made with another key.
    """
    if isinstance(source, PhantomSettings):
        settings = source
        listing = store_entries.fingerprint(["corpus", versions.CORPUS, scans.identity(settings)])

        def make(entry: Path) -> None:
            with TemporaryDirectory() as folder:
                scans.write_corpus(settings, Path(folder))
                _ingest(Path(folder), _files(Path(folder)), entry, PHANTOM_KEY, listing)

        return _open(Path(store), listing, PHANTOM_KEY, make)
    if key is None:
        raise InputRefused("real images need a pseudonym key")
    folder = source
    files = _files(folder)
    listing = store_entries.fingerprint(["corpus", versions.CORPUS], files)
    return _open(Path(store), listing, key, lambda entry: _ingest(folder, files, entry, key, listing))


def _open(store: Path, listing: str, key: PseudonymKey, make: Callable[[Path], None]) -> Corpus:
    entry = store_entries.opened_or_made(store, f"corpus-{listing[:12]}", key, DOCUMENT, make)
    content = store_entries.read(entry, DOCUMENT)
    rejects = pl.read_parquet(entry / "rejects.parquet").to_dicts()
    images = FileRef(str(entry / "slices.arrow"), content["images"])
    log.info(f"corpus: {content['slices']} slices of {content['patients']} patients, {len(rejects)} files rejected")
    return Corpus(images, content["patients"], content["slices"], rejects)


def _files(folder: Path) -> list[tuple[str, Path]]:
    """(name inside the folder, path) of all files in it, in order of name."""
    if not folder.is_dir():
        raise InputRefused(f"{folder}: there is no such folder of DICOM files")
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return sorted((path.relative_to(folder).as_posix(), path) for path in found if path.is_file())


def _ingest(folder: Path, files: list[tuple[str, Path]], entry: Path, key: PseudonymKey, listing: str) -> None:
    headers: list[Header] = []
    rejects: list[dict[str, Any]] = []
    seen: set[str] = set()
    patients: set[str] = set()

    def reject(path: Path, reason: str, series: str | None = None) -> None:
        series = None if series is None else key.of(series)
        rejects.append({"digest": _file_digest(path), "reason": reason, "series": series, "source": "corpus"})

    with _quiet_pydicom(), ThreadPoolExecutor(_THREADS) as pool:
        log.info(f"corpus: reading {len(files)} files")
        for (_, path), found in zip(files, _ahead(pool, _try_header, files), strict=True):
            if isinstance(found, Header):
                headers.append(found)
            else:
                reject(path, found)
        headers.sort(key=_order)
        with StoreWriter(entry / "slices.arrow", unit="hu") as writer:
            for header, decoded in zip(headers, _ahead(pool, _try_slices, headers), strict=True):
                if isinstance(decoded, str):
                    reject(header.path, decoded, header.series)
                    continue
                fresh = [item for item in decoded if item[0] not in seen]
                if not fresh:
                    reject(header.path, "duplicate", header.series)
                for digest, image in fresh:
                    if digest in seen:
                        continue
                    seen.add(digest)
                    patients.add(header.patient)
                    pseudonyms = {"patient": key.of(header.patient), "series": key.of(header.series)}
                    writer.append(image.pixels, digest=digest, position=image.position, **pseudonyms)
                    if len(seen) % 5000 == 0:
                        log.info(f"corpus: {len(seen)} slices")
            if not seen:
                raise InputRefused(_nothing_usable(folder, len(files), rejects))
            images = writer.close()
    pl.DataFrame(rejects, schema=REJECTS).write_parquet(entry / "rejects.parquet")
    counts = {"patients": len(patients), "slices": len(seen), "rejects": len(rejects)}
    content = {
        "version": versions.CORPUS,
        "images": images.digest,
        "key_check": key.check,
        "listing": listing,
        **counts,
    }
    store_entries.write(entry, DOCUMENT, content)


def _order(header: Header) -> tuple[str, tuple[float, int, str]]:
    """Series in an order that neither file names nor the pseudonym key change; inside one, by position."""
    series = f"{header.patient}\0{header.series}"
    return hashlib.sha256(series.encode(errors="replace")).hexdigest(), header.order


def _try_header(file: tuple[str, Path]) -> Header | str:
    name, path = file
    try:
        return read_header(path, name.rpartition("/")[0])
    except Rejected as rejected:
        return str(rejected)


def _try_slices(header: Header) -> list[tuple[str, Slice]] | str:
    try:
        return [(item.digest, item) for item in read_slices(header.path)]
    except Rejected as rejected:
        return str(rejected)


def _ahead(pool: ThreadPoolExecutor, work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """``map`` over a pool, in order, that runs only so far ahead as memory allows."""
    rest = iter(items)
    waiting = [pool.submit(work, item) for item in islice(rest, _AHEAD)]
    while waiting:
        yield waiting.pop(0).result()
        waiting += [pool.submit(work, item) for item in islice(rest, 1)]


def _file_digest(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError:
        return None


def _nothing_usable(folder: Path, files: int, rejects: list[dict[str, Any]]) -> str:
    common = Counter(row["reason"] for row in rejects).most_common(3)
    reasons = "; ".join(f"{count} x {reason}" for reason, count in common)
    return f"{folder}: no usable CT image in {files} files" + (f" ({reasons})" if reasons else "")


@contextmanager
def _quiet_pydicom() -> Iterator[None]:
    """pydicom's warnings quote values of the files, names among them: they must reach no log."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
