import os
import shutil
import signal
import subprocess
import sys

import pydicom
import pytest

from study.data import dicom_corpus
from study.data.dicom_corpus import ingest_corpus
from study.data.phantom import scans
from study.data.pseudonyms import PseudonymKey
from study.data.slice_store import SliceStore
from study.errors import InputRefused


@pytest.fixture
def source(tiny_phantom, tmp_path):
    scans.write_corpus(tiny_phantom, tmp_path / "source")
    return tmp_path / "source"


def test_slices_lie_by_series_in_order_of_position(source, tmp_path, key, said):
    files = sorted(source.rglob("*.dcm"))
    for i, path in enumerate(files):  # file names now said the opposite of the positions
        path.rename(path.with_name(f"x{len(files) - i:03d}"))
    found = ingest_corpus(source, store=tmp_path / "store", key=key)
    assert (found.patients, found.slices, found.rejects) == (3, 12, [])
    store = SliceStore.open(found.images.uri)
    assert store.unit == "hu" and store.positions == [0, 5, 10, 15] * 3
    assert [store.series[i] for i in (0, 4, 8)] == list(dict.fromkeys(store.series))


def test_file_names_and_key_do_not_change_the_order(source, tmp_path, key):
    first = SliceStore.open(ingest_corpus(source, store=tmp_path / "a", key=key).images.uri)
    for i, path in enumerate(sorted(source.rglob("*.dcm"), reverse=True)):
        path.rename(source / f"{i:03d}")
    other = PseudonymKey(b"another key of mine")
    second = SliceStore.open(ingest_corpus(source, store=tmp_path / "b", key=other).images.uri)
    assert first.digests == second.digests and set(first.patients).isdisjoint(second.patients)


def test_nothing_written_names_a_person_or_a_path(source, tmp_path, key, said):
    for path in source.rglob("*.dcm"):
        image = pydicom.dcmread(path)
        image.PatientName, image.PatientBirthDate = "Roe^Jane", "19700131"
        image.save_as(path)
    (source / "Roe-Jane-notes.txt").write_text("notes")
    ingest_corpus(source, store=tmp_path / "store", key=key)
    image = pydicom.dcmread(next(source.rglob("*.dcm")))
    secrets = ["Roe", "19700131", image.PatientID, image.SeriesInstanceUID, image.StudyInstanceUID, str(source)]
    for path in (tmp_path / "store").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in secrets:
            assert secret.encode() not in content and secret not in path.name
    assert not any(secret in line for secret in secrets for line in said)


def test_the_same_pixels_are_kept_once(source, tmp_path, key):
    shutil.copy(source / "phantom-0000" / "0000.dcm", source / "again")
    found = ingest_corpus(source, store=tmp_path / "store", key=key)
    assert found.slices == 12
    (row,) = found.rejects
    assert row["reason"] == "duplicate" and row["source"] == "corpus" and row["series"] and len(row["digest"]) == 32


def test_a_second_ingest_reads_no_image(source, tmp_path, key, monkeypatch):
    first = ingest_corpus(source, store=tmp_path / "store", key=key)
    monkeypatch.setattr(dicom_corpus, "_ingest", None)
    assert ingest_corpus(source, store=tmp_path / "store", key=key) == first


def test_a_changed_file_makes_another_entry(source, tmp_path, key):
    first = ingest_corpus(source, store=tmp_path / "store", key=key)
    (source / "phantom-0000" / "0000.dcm").unlink()
    second = ingest_corpus(source, store=tmp_path / "store", key=key)
    assert second.slices == 11 and second.images.uri != first.images.uri


def test_another_key_is_refused(source, tmp_path, key):
    ingest_corpus(source, store=tmp_path / "store", key=key)
    with pytest.raises(InputRefused, match="another pseudonym key"):
        ingest_corpus(source, store=tmp_path / "store", key=PseudonymKey(b"another key of mine"))


def test_a_killed_ingest_leaves_no_entry_and_the_next_one_ends_it(source, tmp_path, key):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from study.data import dicom_corpus as corpus; from study.data.pseudonyms import PseudonymKey\n"
        "corpus.store_entries.write = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "corpus.ingest_corpus(Path(sys.argv[1]), store=Path(sys.argv[2]),"
        " key=PseudonymKey(b'a key for tests only'))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    store = tmp_path / "store"
    killed = subprocess.run([sys.executable, "-c", code, str(source), str(store)], env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert not list(store.glob("corpus-*"))
    assert ingest_corpus(source, store=store, key=key).slices == 12
    assert len([path for path in store.iterdir() if path.is_dir()]) == 1


def test_a_folder_without_a_usable_image_is_refused(tmp_path, key):
    (tmp_path / "source").mkdir()
    for name in "abc":
        (tmp_path / "source" / name).write_text(f"file {name}, " * 50)
    with pytest.raises(InputRefused, match=r"source: no usable CT image in 3 files \(3 x not a DICOM file\)"):
        ingest_corpus(tmp_path / "source", store=tmp_path / "store", key=key)
    assert not list((tmp_path / "store").glob("corpus-*"))


def test_a_missing_folder_is_refused(tmp_path, key):
    with pytest.raises(InputRefused, match="no such folder"):
        ingest_corpus(tmp_path / "nowhere", store=tmp_path / "store", key=key)


def test_real_ct_is_ingested(real_data, tmp_path, key):
    found = ingest_corpus(real_data / "dicom-ct", store=tmp_path, key=key)
    assert (found.slices, found.patients) == (69, 19)
    assert [row["reason"] for row in found.rejects] == ["not a DICOM file"]
    store = SliceStore.open(found.images.uri)
    for i in range(len(store)):
        assert -1024 <= store.pixels(i).min() < -950 and 500 < store.pixels(i).max() < 5000


def test_one_slice_in_five_encodings_is_one_slice(real_data, tmp_path, key):
    found = ingest_corpus(real_data / "dicom-odd", store=tmp_path, key=key)
    assert found.slices == 1
    assert sorted(row["reason"] for row in found.rejects) == ["duplicate"] * 4 + ["no pixel data"]
