"""What every reader of labelled data promises; a new file in study/data/readers is taken up by itself."""

import importlib

import numpy as np
import pytest

from study.data import readers
from study.data.frozen_task import freeze_task, preview_task
from study.data.slice_store import SliceStore
from study.data.task import Task
from study.errors import InputRefused
from study.fields import data_kind

ALL = readers.names()


@pytest.fixture(params=ALL)
def written(request, tmp_path):
    """The keys of a small set that the reader reads, each written by a file of this folder's ``examples``."""
    example = importlib.import_module(f"tests.study.data.readers.examples.{request.param}")
    return request.param, example.write(tmp_path / "set")


def test_a_set_is_known_by_its_keys_and_frozen_with_splits_that_share_no_patient(written, tmp_path, key):
    name, keys = written
    task = Task(**keys)
    assert type(task.reader) is readers.get(name)
    frozen = freeze_task("mine", task, store=tmp_path / "store", key=key, seed=0)
    store = SliceStore.open(frozen.images.uri)
    assert store.unit == task.reader.unit and len(store) == frozen.samples.height >= 6
    assert all(store.pixels(row).ndim == 2 and np.ptp(store.pixels(row)) > 0 for row in range(len(store)))
    by_role = {role: set(rows["token"]) for (role,), rows in frozen.samples.group_by("role")}
    assert by_role.keys() == {"train", "val", "test"}
    assert len(set().union(*by_role.values())) == sum(map(len, by_role.values()))
    assert frozen.samples.filter(role="test")["label"].null_count() == frozen.samples.filter(role="test").height
    assert preview_task("mine", task, seed=0).split_hash == frozen.split_hash
    again = freeze_task("mine", Task(**keys), store=tmp_path / "store", key=key, seed=0)
    assert (again.images, again.split_hash) == (frozen.images, frozen.split_hash)


def test_a_path_that_is_not_there_is_refused_in_one_line_that_names_it(written, tmp_path, key):
    name, keys = written
    paths = [
        each for each, field in readers.get(name).model_fields.items() if data_kind(field.annotation, field.metadata)
    ]
    for path in paths:
        task = Task(**keys | {path: tmp_path / "nowhere"})
        with pytest.raises(InputRefused, match="nowhere") as refused:
            freeze_task("mine", task, store=tmp_path / "store", key=key, seed=0)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ALL)
def test_a_reader_says_what_it_reads(name):
    reader = readers.get(name)
    assert reader.needed() and importlib.import_module(reader.__module__).__doc__
    others = {other: set(readers.get(other).needed()) for other in ALL if other != name}
    assert not any(needed & set(reader.needed()) for needed in others.values()), "by which it is told from others"


def test_keys_of_two_readers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="give either .*`images` and `labels`, or `npz`, or `phantom`"):
        Task(npz=tmp_path / "a.npz", phantom={})
    with pytest.raises(ValueError, match="`findings` is no key beside `npz`"):
        Task(npz=tmp_path / "a.npz", findings=["a", "b"])
